import log from "@pulumi/pulumi/log/index.js";

process.stdout.write("printed\n");
log.error("this will not do");
