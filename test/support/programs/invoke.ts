import { invoke } from "@pulumi/pulumi/runtime/invoke.js";

export const zone = await invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {});
