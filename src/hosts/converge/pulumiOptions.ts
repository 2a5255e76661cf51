import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";

/**
 * Pulumi's resource options, and what the converge host does with each: the tested table of the documentation.
 *
 * `honoured` needs no look at the request here; the others tell whether the request carries them.
 */
export const PULUMI_OPTIONS: Readonly<Record<string, "honoured" | ((request: RegisterResourceRequest) => boolean)>> = {
  parent: "honoured",
  dependsOn: "honoured",
  protect: "honoured",
  provider: "honoured",
  providers: "honoured",
  version: "honoured",
  // What is dropped is removed one by one, which is right as well.
  deletedWith: "honoured",

  import: (r) => r.getImportid() !== "",
  aliases: (r) => r.getAliasesList().length > 0 || r.getAliasurnsList().length > 0,
  ignoreChanges: (r) => r.getIgnorechangesList().length > 0,
  retainOnDelete: (r) => r.getRetainondelete() === true,
  replaceOnChanges: (r) => r.getReplaceonchangesList().length > 0,
  deleteBeforeReplace: (r) => r.getDeletebeforereplacedefined(),
  customTimeouts: (r) => {
    const timeouts = r.getCustomtimeouts();
    return [timeouts?.getCreate(), timeouts?.getUpdate(), timeouts?.getDelete(), timeouts?.getRead()].some(Boolean);
  },
  hooks: (r) => r.hasHooks(),
  transforms: (r) => r.getTransformsList().length > 0,
  additionalSecretOutputs: (r) => r.getAdditionalsecretoutputsList().length > 0,
  replaceWith: (r) => r.getReplaceWithList().length > 0,
  replacementTrigger: (r) => r.hasReplacementTrigger(),
  hideDiffs: (r) => r.getHidediffsList().length > 0,
  envVarMappings: (r) => r.getEnvvarmappingsMap().getLength() > 0,
  stateMigrations: (r) => r.getStateMigrationsList().length > 0,
  pluginDownloadURL: (r) => r.getPlugindownloadurl() !== "",
  "remote component": (r) => r.getRemote(),
  "parameterized package": (r) => r.getPackageref() !== "",
};

/** Names of the options in the request that the host does not do. */
export function unsupportedOptions(request: RegisterResourceRequest): string[] {
  return Object.entries(PULUMI_OPTIONS).flatMap(([name, carried]) =>
    carried !== "honoured" && carried(request) ? [name] : [],
  );
}
