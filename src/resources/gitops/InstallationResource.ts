import { z } from "zod";
import type { KubernetesClient, KubernetesManifest, KubernetesReference } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { CONTROLLER } from "../../manifests/argocd/controllerIdentity.ts";
import type { Manifest } from "../../manifests/argocd/Manifest.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { awaitReadiness, nameOf } from "../kubernetes/awaitReadiness.ts";
import { deleteAndWait } from "../kubernetes/deleteAndWait.ts";
import type { Change, Context, Resource } from "../Resource.ts";
import {
  deleteRecord,
  INSTALLATION_LABEL,
  type InstallationRecord,
  type RecordedObject,
  readRecord,
  recordedNamespaces,
  writeRecord,
} from "./InstallationRecord.ts";
import { INITIAL_ADMIN, installedCredentials } from "./installedCredentials.ts";
import { awaitWorkloads, installedWorkloads, unreadyOf } from "./installedWorkloads.ts";
import { readReleaseManifest } from "./ReleaseManifest.ts";
import { trackingApplication } from "./trackingApplication.ts";

const inputs = z.strictObject({
  namespace: z.string().min(1),
  /** `core`: no API server and no single sign-on, one replica of each part. `ha`: all of Argo CD, three replicas; it needs three nodes. */
  variant: z.enum(["core", "ha"]),
  /** Name of the pinned folder of release manifests. */
  tool: z.string().min(1),
  /** Takes over an Argo CD that runs already. */
  adopt: z.boolean().default(false),
  /** PEM, by host: what Argo CD verifies Git servers by, besides the system's roots. */
  authorities: z.record(z.string(), z.string().startsWith("-----BEGIN CERTIFICATE-----")).default({}),
});

export type InstallationArgs = z.input<typeof inputs>;
export type InstallationInputs = z.output<typeof inputs>;

export interface InstallationLive {
  readonly namespace: string;
  /** "" when the stack did not install it and it does not tell. */
  readonly version: string;
  readonly variant: string;
  /** It ran before the stack came. */
  readonly adopted: boolean;
  /** Application that reconciles the installation from Git; "" while none does. */
  readonly managedBy: string;
  /** Digest of what was applied to the end, and of what is to be applied; the latter empty when only looked for. */
  readonly applied: string;
  readonly declared: { readonly digest: string; readonly version: string };
  /** Objects that are missing, or that somebody changed since. */
  readonly drifted: readonly string[];
  readonly unready: readonly string[];
  /** `<Secret>/<key>` of what Argo CD has drawn for itself. */
  readonly credentials: readonly string[];
}

const DEFINITION = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" } as const;
const APPLICATIONS = "applications.argoproj.io";

/**
 * `dayzero:gitops:Installation`: Argo CD from its release manifest, by server-side apply.
 *
 * Its objects do not go through the program, for the reasons that `definitionsResource` gives. What tells a change is the digest
 * of what was applied, and for each object its presence and the generation that applying it led to.
 *
 * Once an Application reconciles the installation from Git, that is its one writer: nothing is applied any more, only looked at.
 */
export const installationResource: Resource<InstallationInputs, InstallationLive> = {
  type: "dayzero:gitops:Installation",
  inputs: inputs as z.ZodType<InstallationInputs>,
  identify: ({ namespace }) => namespace,

  async read(namespace, ctx, desired) {
    const client = await ctx.kubernetes();
    const { stack } = ctx;
    const [record, workloads, definition, credentials] = await Promise.all([
      readRecord(client, { namespace, stack }),
      installedWorkloads(client, namespace),
      client.get({ ...DEFINITION, name: APPLICATIONS }),
      installedCredentials(client, namespace),
    ]);
    if (record === undefined && workloads.length === 0) {
      if (desired !== undefined) requireNothing({ namespace, definition, stack, adopt: desired.adopt });
      return undefined;
    }
    const [first] = workloads;
    if (record === undefined && desired?.adopt === false) {
      throw new DayzeroError("ARGOCD_NOT_OWN", `cannot install Argo CD: ${first && nameOf(first)} is there already`, {
        hint: "name the Secret that it reads Git with in dayzero:gitops.adopt to take it over",
      });
    }
    const managedBy = await trackingApplication(client, { namespace, workloads });
    const version = versionOf(workloads) ?? record?.version ?? "";
    const release = desired && (await readReleaseManifest(desired, ctx));
    if (release !== undefined && managedBy === "") refuseDowngrade(version, release.version);
    return {
      namespace,
      version,
      variant: record?.variant ?? "",
      adopted: record?.adopted ?? true,
      managedBy,
      applied: record?.digest ?? "",
      declared: { digest: release?.digest ?? "", version: release?.version ?? "" },
      drifted: record === undefined ? [] : await driftOf(client, record, { namespace, stack }),
      unready: unreadyOf(workloads),
      credentials,
    };
  },

  plan(live, { variant }) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const changes: Change[] = [];
    const update = (path: string, before: string, after: string) =>
      changes.push({ action: "update", path, before, after });
    if (live.managedBy === "") {
      const { applied, declared, version, drifted } = live;
      if (applied !== declared.digest) {
        update("version", `${version} ${live.variant || "of somebody else"}`, `${declared.version} ${variant}`);
      } else if (drifted.length > 0) update("objects", drifted.join(", "), "as the manifest has them");
      if (!live.adopted && live.credentials.includes(INITIAL_ADMIN)) update("credentials", INITIAL_ADMIN, "removed");
    }
    if (live.unready.length > 0) update("status", live.unready.join("; "), "ready");
    return changes;
  },

  async apply(_changes, desired, ctx) {
    const client = await ctx.kubernetes();
    const { namespace } = desired;
    const before = await installationResource.read(namespace, ctx, desired);
    const written = before?.managedBy ? undefined : await applyRelease(client, before, desired, ctx);
    await awaitWorkloads(client, namespace, ctx);
    if (before === undefined || !before.adopted) {
      const [name = ""] = INITIAL_ADMIN.split("/");
      await deleteAndWait(client, { apiVersion: "v1", kind: "Secret", namespace, name }, { ctx, uid: undefined });
    }
    if (written !== undefined) await writeRecord(client, { namespace, stack: ctx.stack }, written);
    const live = await installationResource.read(namespace, ctx, desired);
    if (live !== undefined) return live;
    throw new DayzeroError("OBJECT_NOT_READY", `Argo CD is gone from namespace "${namespace}"`, {
      hint: "somebody removed it meanwhile: run the command again",
    });
  },

  async owned(stack, ctx) {
    return recordedNamespaces(await ctx.kubernetes(), stack);
  },

  async stays(namespace, ctx) {
    const live = await installationResource.read(namespace, ctx);
    if (live === undefined || !isLetGo(live)) return undefined;
    const why =
      live.managedBy === "" ? "it ran before this stack" : `Application "${live.managedBy}" manages it from Git`;
    return { as: "released", note: `left Argo CD in namespace ${namespace} in place: ${why}` };
  },

  async remove(namespace, ctx) {
    const client = await ctx.kubernetes();
    const record = await readRecord(client, { namespace, stack: ctx.stack });
    if (record === undefined) return;
    const live = await installationResource.read(namespace, ctx);
    const objects = await installedObjects(client, record, { namespace, stack: ctx.stack });
    if (live !== undefined && isLetGo(live)) {
      await Promise.all(objects.map((object) => release(client, object)));
    } else {
      await removeObjects(client, objects, ctx);
      await removeSecrets(client, namespace, ctx);
    }
    await deleteRecord(client, namespace);
  },

  ledger(_id, live) {
    return live.credentials.map((credential) => ({
      what: `Argo CD's own ${credential}`,
      where: `Secret ${live.namespace}/${credential.split("/")[0]}`,
      expiresAt: null,
      residual: true,
      reason: WHY[credential] ?? "",
    }));
  },
};

const WHY: Readonly<Record<string, string>> = {
  "argocd-secret/server.secretkey": "it signs its sessions with it",
  "argocd-redis/auth": "it reads its cache with it",
  [INITIAL_ADMIN]: "it was there before: change the administrator's password and delete the Secret",
};

/** Whether it outlives the stack. */
function isLetGo({ adopted, managedBy }: InstallationLive): boolean {
  return adopted || managedBy !== "";
}

/** Everything but the end of the record, which is for when it runs. */
async function applyRelease(
  client: KubernetesClient,
  before: InstallationLive | undefined,
  desired: InstallationInputs,
  ctx: Context,
): Promise<InstallationRecord> {
  const { namespace, variant } = desired;
  const at = { namespace, stack: ctx.stack };
  const known = await readRecord(client, at);
  const { version, digest, objects } = await readReleaseManifest(desired, ctx);
  const labels = { [STACK_LABEL]: ctx.stack, [INSTALLATION_LABEL]: namespace };
  const marked = (await objects()).map((object) => ({
    ...object,
    metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } },
  }));
  const adopted = known?.adopted ?? before !== undefined;
  if (known === undefined && adopted) await rehearse(client, marked);

  const wanted = marked.map((object) => ({ ...referenceOf(object), generation: 0 }));
  const keys = new Set(wanted.map(keyOf));
  const dropped = (known?.objects ?? []).filter((object) => !keys.has(keyOf(object)));
  await writeRecord(client, at, { version, variant, digest: "", adopted, objects: [...wanted, ...dropped] });

  const intact = known?.digest === digest ? await intactOf(client, known, at) : [];
  const kept = new Set(intact.map(keyOf));
  const isDefinition = ({ kind }: { kind: string }) => kind === DEFINITION.kind;
  const { narrate, signal } = ctx;
  const changed = marked.filter((object) => !kept.has(keyOf(referenceOf(object))));
  const definitions = await Promise.all(
    changed
      .filter(isDefinition)
      .map(async (object) => awaitReadiness(await client.apply(object), { client, narrate, signal })),
  );
  const others = changed.filter((object) => !isDefinition(object));
  const rest = await Promise.all(others.map((object) => client.apply<KubernetesManifest>(object)));
  await removeObjects(client, await installedObjects(client, { objects: dropped }, at), ctx);
  const applied = [...definitions, ...rest].map((object) => ({
    ...referenceOf(object),
    generation: object.metadata.generation ?? 0,
  }));
  return { version, variant, digest, adopted, objects: [...intact, ...applied] };
}

/** Before anything of a running Argo CD is touched: what cannot be applied over it without making it anew stops it all. */
async function rehearse(client: KubernetesClient, objects: readonly Manifest[]): Promise<void> {
  for (const object of objects) {
    try {
      await client.apply(object, { dryRun: true });
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 422) throw error;
      throw new DayzeroError(
        "ARGOCD_NOT_ADOPTABLE",
        `cannot apply the release over ${nameOf(object)}: ${error.message}`,
        {
          cause: error,
          hint: "it was not installed from Argo CD's own manifests: let an Application manage it from Git, and it is left as it is",
        },
      );
    }
  }
}

async function driftOf(
  client: KubernetesClient,
  record: InstallationRecord,
  at: { namespace: string; stack: string },
): Promise<string[]> {
  const intact = new Set(await intactOf(client, record, at));
  return record.objects.flatMap((recorded) => (intact.has(recorded) ? [] : [`${recorded.kind} ${recorded.name}`]));
}

/** Of what was recorded: what is there, and as it was applied. */
async function intactOf(
  client: KubernetesClient,
  record: InstallationRecord,
  at: { namespace: string; stack: string },
): Promise<RecordedObject[]> {
  const objects = await installedObjects(client, record, at);
  const live = new Map(objects.map((object) => [keyOf(referenceOf(object)), object.metadata.generation ?? 0]));
  return record.objects.filter((recorded) => live.get(keyOf(recorded)) === recorded.generation);
}

/** What there is of an installation's kinds that carries its labels. */
async function installedObjects(
  client: KubernetesClient,
  { objects }: Pick<InstallationRecord, "objects">,
  { namespace, stack }: { namespace: string; stack: string },
): Promise<KubernetesManifest[]> {
  const labelSelector = `${STACK_LABEL}=${stack},${INSTALLATION_LABEL}=${namespace}`;
  const kinds = new Map(
    objects.map(({ apiVersion, kind, namespace }) => [
      `${apiVersion} ${kind}`,
      { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }) },
    ]),
  );
  const lists = await Promise.all([...kinds.values()].map((kind) => client.list(kind, { labelSelector })));
  const keys = new Set(objects.map(keyOf));
  return lists.flat().filter((object) => keys.has(keyOf(referenceOf(object))));
}

/** What runs goes first, the definitions last; one that others still have objects of is let go. */
async function removeObjects(
  client: KubernetesClient,
  objects: readonly KubernetesManifest[],
  ctx: Context,
): Promise<void> {
  const turnOf = ({ kind }: KubernetesManifest) =>
    kind === DEFINITION.kind ? 2 : ["Deployment", "StatefulSet"].includes(kind) ? 0 : 1;
  for (const turn of [0, 1, 2]) {
    await Promise.all(
      objects
        .filter((object) => turnOf(object) === turn)
        .map(async (object) => {
          if (turn === 2 && (await isUsedByOthers(client, object, ctx.stack))) return release(client, object);
          await deleteAndWait(client, referenceOf(object), { ctx, uid: object.metadata.uid });
        }),
    );
  }
}

async function removeSecrets(client: KubernetesClient, namespace: string, ctx: Context): Promise<void> {
  for (const name of Object.keys(WHY).map((credential) => credential.split("/")[0] ?? "")) {
    await deleteAndWait(client, { apiVersion: "v1", kind: "Secret", namespace, name }, { ctx, uid: undefined });
  }
}

async function isUsedByOthers(
  client: KubernetesClient,
  definition: KubernetesManifest,
  stack: string,
): Promise<boolean> {
  const { group, names, versions } = definition.spec as {
    group: string;
    names: { kind: string };
    versions: { name: string; storage: boolean }[];
  };
  const version = versions.find(({ storage }) => storage)?.name ?? "";
  const objects = await client.list({ apiVersion: `${group}/${version}`, kind: names.kind });
  return objects.some(
    ({ metadata }) => metadata.labels?.[STACK_LABEL] !== stack && !isDefaultProject(names.kind, metadata),
  );
}

/** The project that Argo CD makes for itself. */
function isDefaultProject(kind: string, { name }: { name: string }): boolean {
  return kind === "AppProject" && name === "default";
}

async function release(client: KubernetesClient, object: KubernetesManifest): Promise<void> {
  const labels = { [STACK_LABEL]: null, [INSTALLATION_LABEL]: null };
  await client.mergePatch(referenceOf(object), { metadata: { uid: object.metadata.uid, labels } });
}

/** Before an installation from nothing: definitions may be left of an earlier one, or be another Argo CD's. */
function requireNothing(found: {
  readonly namespace: string;
  readonly definition: KubernetesManifest | undefined;
  readonly stack: string;
  readonly adopt: boolean;
}): void {
  const { namespace, definition, stack, adopt } = found;
  if (adopt) {
    throw new DayzeroError("ARGOCD_MISSING", `cannot adopt Argo CD: none runs in namespace "${namespace}"`, {
      hint: "take dayzero:gitops.adopt out to have one installed",
    });
  }
  if (definition === undefined || definition.metadata.labels?.[STACK_LABEL] === stack) return;
  throw new DayzeroError("ARGOCD_NOT_OWN", `cannot install Argo CD: ${nameOf(definition)} is there already`, {
    hint: `if no other Argo CD uses it, give it the label ${STACK_LABEL}: ${stack} to hand it over`,
  });
}

function refuseDowngrade(running: string, released: string): void {
  const [now, next] = [running, released].map((version) => version.split(/[.-]/).slice(0, 3).map(Number));
  const older = [0, 1, 2]
    .map((part) => (next?.[part] ?? 0) - (now?.[part] ?? 0))
    .find((difference) => difference !== 0);
  if (older === undefined || !(older < 0)) return;
  throw new DayzeroError("ARGOCD_DOWNGRADE", `cannot replace Argo CD ${running} by ${released}: it does not go back`, {
    hint: "use a Dayzero that pins this release or a later one, or let an Application manage Argo CD from Git",
  });
}

/** From the image of the application controller. */
function versionOf(workloads: readonly KubernetesManifest[]): string | undefined {
  const controller = workloads.find(({ metadata }) => metadata.name === CONTROLLER);
  const { template } = (controller?.spec ?? {}) as { template?: { spec: { containers: { image?: string }[] } } };
  const tags = template?.spec.containers.map(({ image }) => /:v?(\d+\.\d+\.\d+[^@]*)/.exec(image ?? "")?.[1]) ?? [];
  return tags.find((tag) => tag !== undefined);
}

function referenceOf({ apiVersion, kind, metadata: { name, namespace } }: Manifest | KubernetesManifest) {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function keyOf({ apiVersion, kind, name }: KubernetesReference): string {
  return `${apiVersion} ${kind} ${name}`;
}
