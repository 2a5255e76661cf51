import { Config } from "@pulumi/pulumi/config.js";
import { secret } from "@pulumi/pulumi/output.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  CustomResource,
  type CustomResourceOptions,
  ErrorHook,
} from "@pulumi/pulumi/resource.js";
import { call, invoke, invokeOutput } from "@pulumi/pulumi/runtime/invoke.js";
import {
  registerInvokeTransform,
  registerResourceTransform,
  registerStackTransformation,
} from "@pulumi/pulumi/runtime/stack.js";
import { StackReference } from "@pulumi/pulumi/stackReference.js";
import { Box, Shelf } from "./Box.ts";
import { KubernetesProvider, ProvidedObject } from "./kubernetesPlugin.ts";

// One small program for each line of docs/pulumi-options.md. What a line is about is called "optioned".
const config = new Config("dayzero");

const box = (options: CustomResourceOptions): Box => new Box("optioned", { size: 1 }, options);
const first = (): Box => new Box("first", { size: 1 });
const cluster = (name = "cluster"): KubernetesProvider =>
  new KubernetesProvider(name, { kubeconfig: config.require(name) });
const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "optioned", namespace: "default" } };
const look = (options: Parameters<typeof invoke>[2]): unknown => invoke("test:index:look", {}, options);

class Foreign extends ComponentResource {
  constructor(options: ComponentResourceOptions & { providers: KubernetesProvider[] }) {
    super("dayzero:test:Foreign", "component", {}, options);
    // Its provider is the component's.
    new ProvidedObject("optioned", map, { parent: this });
  }
}

class Bucket extends CustomResource {
  constructor(name: string) {
    super("aws:s3/bucket:Bucket", name, {});
  }
}

class Packaged extends CustomResource {
  constructor() {
    super("dayzero:test:Box", "optioned", { name: "optioned", size: 1 }, {}, false, Promise.resolve("reference"));
  }
}

class Remote extends ComponentResource {
  constructor() {
    super("dayzero:test:Shelf", "optioned", {}, {}, true);
  }
}

const PROGRAMS: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  plain: () => [first(), box({})],
  credential: () => new Box("optioned", { size: 1, label: secret(config.require("label")) }),

  additionalSecretOutputs: () => box({ additionalSecretOutputs: ["token"] }),
  aliases: () => box({ aliases: [{ name: "old" }] }),
  customTimeouts: () => box({ customTimeouts: { create: "1m" } }),
  deleteBeforeReplace: () => box({ deleteBeforeReplace: true }),
  deletedWith: () => box({ deletedWith: first() }),
  dependsOn: () => box({ dependsOn: [first()] }),
  envVarMappings: () => box({ envVarMappings: { A: "B" } }),
  hideDiffs: () => box({ hideDiffs: ["size"] }),
  hooks: () => box({ hooks: { afterCreate: [() => undefined] } }),
  id: () => box({ id: "elsewhere" }),
  ignoreChanges: () => box({ ignoreChanges: ["size"] }),
  import: () => box({ import: "elsewhere" }),
  parent: () => new Shelf("shelf", (parent) => [box({ parent })]),
  pluginDownloadURL: () => box({ pluginDownloadURL: "https://example.com" }),
  protect: () => box({ protect: true }),
  provider: () => [cluster("other"), new ProvidedObject("optioned", map, { provider: cluster() })],
  providers: () => [cluster("other"), new Foreign({ providers: [cluster()] })],
  replaceOnChanges: () => box({ replaceOnChanges: ["size"] }),
  replaceWith: () => box({ replaceWith: [first()] }),
  replacementTrigger: () => box({ replacementTrigger: "now" }),
  retainOnDelete: () => box({ retainOnDelete: true }),
  stateMigrations: () => box({ stateMigrations: [() => undefined as never] }),
  transformations: () => box({ transformations: [({ props, opts }) => ({ props: { ...props, size: 7 }, opts })] }),
  transforms: () => box({ transforms: [() => undefined] }),
  urn: () => box({ urn: "urn:pulumi:test::boxes::dayzero:test:Box::optioned" }),
  version: () => box({ version: "1.2.3" }),

  "invoke: async": () => look({ async: false }),
  "invoke: dependsOn": () => invokeOutput("test:index:look", {}, { dependsOn: [first()] }),
  "invoke: parent": () => look({ parent: first() }),
  "invoke: pluginDownloadURL": () => look({ pluginDownloadURL: "https://example.com" }),
  "invoke: provider": () => look({ provider: cluster() }),
  "invoke: version": () => look({ version: "1.2.3" }),

  StackReference: () => new StackReference("optioned"),
  secrets: () => [new Box("optioned", { size: 1, label: secret("s3cr3t") }, {}).token, secret("s3cr3t")],
  "a stack transformation": () => {
    registerStackTransformation(({ props, opts }) => ({ props: { ...props, size: 7 }, opts }));
    box({});
  },
  "a stack transform": () => {
    registerResourceTransform(() => undefined);
    box({});
  },
  "an invoke transform": () => {
    registerInvokeTransform(() => undefined);
    look({});
  },
  "an error hook": () => box({ hooks: { onError: [new ErrorHook("optioned", () => false)] } }),
  "a remote component": () => new Remote(),
  "a call of a remote method": () => call("test:index:Shelf/optioned", {}, first()),
  "a parameterized package": () => new Packaged(),
  "another package": () => new Bucket("optioned"),
};

export const made = await PROGRAMS[config.require("line")]?.();
