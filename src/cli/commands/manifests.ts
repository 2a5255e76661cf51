import { stringify } from "yaml";
import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { ExistingSpec } from "../../config/StackSpec.ts";
import type { Manifest } from "../../manifests/argocd/Manifest.ts";
import { OPENBAO_CERTIFICATE } from "../../manifests/openbao/openBaoNames.ts";
import { createContext } from "../createContext.ts";
import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";
import { assertStackKnown } from "../stack/assertStackKnown.ts";
import { type LoadedStack, loadStack } from "../stack/loadStack.ts";

export interface ManifestsOptions {
  readonly state?: string;
  readonly image?: string;
  readonly cron?: string;
  readonly generation?: string;
}

/** No `@hourly` either: a credential lives ten minutes. */
const CRON = /^[\w*/,?-]+(\s+[\w*/,?-]+){4}$/;
/** `registry.example.com:5000/team/dayzero@sha256:…`, with or without a tag. */
const IMAGE = /^[a-z0-9]+([._:/-]+[A-Za-z0-9_]+)*@sha256:[0-9a-f]{64}$/;
const UID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** For people to read and to compare: no aliases, text as it stands. */
const YAML = { aliasDuplicateObjects: false, blockQuote: "literal", lineWidth: 0 } as const;

/** `dayzero manifests agent|argocd|openbao`: Kubernetes objects of a stack as YAML documents, or as a List with `--json`. */
export async function manifests(
  run: Run,
  what: "agent" | "argocd" | "openbao",
  stack: string,
  options: ManifestsOptions,
): Promise<Outcome> {
  const loaded = await loadStack(run, stack, options);
  await assertStackKnown(run, stack, loaded);
  const { spec } = loaded;
  if (spec.program !== "existing") {
    throw new DayzeroError("USAGE", `cannot print manifests of stack "${stack}": all of it runs on this machine`, {
      hint: "name a stack with dayzero:program: existing",
    });
  }
  const items = await (what === "openbao"
    ? openBao(spec)
    : what === "argocd"
      ? argoCd(run, spec)
      : agent(run, loaded, spec, options));
  const text = items.map((object) => `---\n${stringify(object, YAML)}`).join("");
  return { exitCode: EXIT.ok, json: { apiVersion: "v1", kind: "List", items }, text };
}

/** Argo CD as the stack installs it, so that an Application can go on from Git. */
async function argoCd(run: Run, { stack, gitops, repository }: ExistingSpec): Promise<Manifest[]> {
  if (gitops.adopt !== undefined) {
    throw new DayzeroError("USAGE", `cannot print Argo CD of stack "${stack}": it was there before the stack`, {
      hint: "it stays with whoever installed it",
    });
  }
  const names = ["argocd-manifests"];
  const [[tool], { readReleaseManifest }, { ARGOCD_NAMESPACE: namespace }, { gitAuthorities }] = await Promise.all([
    import("../provideTools.ts").then(({ provideTools }) => provideTools(run, { names })),
    import("../../resources/gitops/ReleaseManifest.ts"),
    import("../../manifests/argocd/controllerIdentity.ts"),
    import("../../manifests/argocd/installation.ts"),
  ]);
  const wish = { namespace, variant: gitops.variant, tool: names.join(), authorities: gitAuthorities(repository) };
  return (await readReleaseManifest(wish, { tool: () => [tool?.path ?? ""] })).objects();
}

async function openBao({ stack, vault }: ExistingSpec): Promise<Manifest[]> {
  if (vault.kind === "external") {
    throw new DayzeroError("USAGE", `cannot print OpenBao of stack "${stack}": its Vault is an external one`, {
      hint: "set install below dayzero:vault to have it in the cluster",
    });
  }
  const [{ openBaoSpecOf }, { assertOpenBaoSpec }, { openBaoNamespace, openBaoObjects }, { openBaoStatefulSet }] =
    await Promise.all([
      import("../../manifests/openbao/openBaoSpecOf.ts"),
      import("../../manifests/openbao/OpenBaoSpec.ts"),
      import("../../manifests/openbao/openBaoObjects.ts"),
      import("../../manifests/openbao/openBaoStatefulSet.ts"),
    ]);
  const spec = openBaoSpecOf(vault);
  assertOpenBaoSpec(spec);
  return [openBaoNamespace(spec), ...Object.values(openBaoObjects(spec)), openBaoStatefulSet(spec, {})];
}

async function agent(
  run: Run,
  loaded: LoadedStack,
  spec: ExistingSpec,
  { image: named, cron, generation }: ManifestsOptions,
): Promise<Manifest[]> {
  const image = agentImageOf(spec, named);
  if (cron !== undefined && !CRON.test(cron.trim())) {
    throw new DayzeroError("USAGE", `cannot use --cron ${JSON.stringify(cron)}: expected five fields`, {
      hint: 'minute, hour, day of the month, month, day of the week: "*/2 * * * *"',
    });
  }
  if (generation !== undefined && !UID.test(generation)) {
    throw new DayzeroError("USAGE", `cannot use --generation ${JSON.stringify(generation)}: it is no UID`, {
      hint: "see it with kubectl get namespace kube-system -o jsonpath={.metadata.uid}, or leave the option out",
    });
  }
  const { context, close } = createContext({
    stack: spec.stack,
    layout: loaded.layout,
    dryRun: true,
    signal: run.signal,
    program: run.program,
    tools: undefined,
    existing: { spec, environment: run.environment },
    narrate: () => undefined,
  });
  try {
    const [{ agentObjects }, { agentConfigurationOf }, { authorityOfSecret }] = await Promise.all([
      import("../../manifests/agent/agentObjects.ts"),
      import("../../manifests/agent/agentConfigurationOf.ts"),
      import("../../resources/vault/vaultConnection.ts"),
    ]);
    const { vault } = spec;
    const configuration = agentConfigurationOf(spec, {
      generation: generation ?? (await uidOf(await context.kubernetes())),
      ...(vault.kind === "external"
        ? {}
        : {
            vaultCa: await authorityOfSecret(await context.kubernetes(), {
              ...vault.install,
              name: OPENBAO_CERTIFICATE,
            }),
          }),
    });
    return Object.values(
      agentObjects({ stack: spec.stack, image, configuration, ...(cron === undefined ? {} : { cron }) }),
    );
  } finally {
    await close();
  }
}

/** The image that is named, else the one that `up` would run. */
function agentImageOf({ stack, gitops }: ExistingSpec, named: string | undefined): string {
  const image = named ?? gitops.agentImage;
  if (image === undefined) {
    throw new DayzeroError("USAGE", `cannot print the agent of stack "${stack}": no image of it is named`, {
      hint: "say --image registry/name@sha256:…, or set dayzero:gitops.agentImage in the stack's file",
    });
  }
  if (IMAGE.test(image)) return image;
  const where = named === undefined ? "dayzero:gitops.agentImage" : "--image";
  throw new DayzeroError("USAGE", `cannot use ${where} ${JSON.stringify(image)}: expected an image with its digest`, {
    hint: "name the image as registry/name@sha256:…, so that nobody can put another in its place",
  });
}

async function uidOf(kubernetes: KubernetesClient): Promise<string> {
  const namespace = await kubernetes.get({ apiVersion: "v1", kind: "Namespace", name: "kube-system" });
  if (namespace?.metadata.uid !== undefined) return namespace.metadata.uid;
  throw new DayzeroError(
    "GENERATION_MISSING",
    "cannot tell the cluster's generation: it has no namespace kube-system",
    {
      hint: "see that the kubeconfig of the stack is the right one",
    },
  );
}
