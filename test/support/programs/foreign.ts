import { CustomResource } from "@pulumi/pulumi/resource.js";

class Bucket extends CustomResource {
  constructor(name: string) {
    super("aws:s3/bucket:Bucket", name, {});
  }
}

new Bucket("logs");
