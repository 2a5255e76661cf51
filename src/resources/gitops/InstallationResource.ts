import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { segments } from "../identity.ts";
import { nameOf } from "../kubernetes/awaitReadiness.ts";
import { deleteAndWait } from "../kubernetes/deleteAndWait.ts";
import type { Change, Resource } from "../Resource.ts";
import { applyRelease } from "./applyRelease.ts";
import { deleteRecord, readRecord, recordedNamespaces, writeRecord } from "./InstallationRecord.ts";
import { INITIAL_ADMIN, installedCredentials, WHY_DRAWN } from "./installedCredentials.ts";
import { driftOf, installedObjects } from "./installedObjects.ts";
import { installedVersion, refuseDowngrade } from "./installedVersion.ts";
import { awaitWorkloads, installedWorkloads, unreadyOf } from "./installedWorkloads.ts";
import { readReleaseManifest } from "./ReleaseManifest.ts";
import { release, removeObjects, removeSecrets } from "./removeInstallation.ts";
import { requireNothing } from "./requireNothing.ts";
import { trackingApplication } from "./trackingApplication.ts";

const inputs = z.strictObject({
  namespace: z.string().min(1),
  /** `core`: no API server and no single sign-on, one replica of each part. `ha`: all of Argo CD, three replicas; it needs three nodes. */
  variant: z.enum(["core", "ha"]),
  /** Name of the pinned folder of release manifests. */
  tool: z.string().min(1),
  /** PEM, by host: what Argo CD verifies Git servers by, besides the system's roots. */
  authorities: z.record(z.string(), z.string().startsWith("-----BEGIN CERTIFICATE-----")).default({}),
});

export type InstallationArgs = z.input<typeof inputs>;
export type InstallationInputs = z.output<typeof inputs>;

export interface InstallationLive {
  readonly namespace: string;
  readonly version: string;
  readonly variant: string;
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

/**
 * `dayzero:gitops:Installation`: Argo CD from its release manifest, by server-side apply.
 *
 * Its objects do not go through the program, for the reasons that `definitionsResource` gives. What tells a change is the digest
 * of what was applied, and for each object whether the applied fields still are.
 *
 * An Argo CD of somebody else is refused: it stays with whoever installed it. Once an Application reconciles the installation from
 * Git, that is its one writer: nothing is applied any more, only looked at.
 */
export const installationResource: Resource<InstallationInputs, InstallationLive> = {
  type: "dayzero:gitops:Installation",
  inputs: inputs as z.ZodType<InstallationInputs>,
  id: segments(1),
  identify: ({ namespace }) => namespace,

  async read(namespace, ctx, desired) {
    const client = await ctx.kubernetes();
    const { stack } = ctx;
    const [record, workloads, credentials] = await Promise.all([
      readRecord(client, { namespace, stack }),
      installedWorkloads(client, namespace),
      installedCredentials(client, namespace),
    ]);
    const release = desired && (await readReleaseManifest(desired, ctx));
    if (record === undefined) {
      const [first] = workloads;
      if (desired !== undefined && first !== undefined) {
        throw new DayzeroError("ARGOCD_NOT_OWN", `cannot install Argo CD: ${nameOf(first)} is there already`, {
          hint: "leave it to whoever installed it: name the Secret that it reads Git with in dayzero:gitops.adopt",
        });
      }
      if (release !== undefined) await requireNothing(client, { stack, objects: await release.objects() });
      return undefined;
    }
    const managedBy = await trackingApplication(client, { namespace, workloads });
    const version = installedVersion(workloads) ?? record.version;
    if (release !== undefined && managedBy === "") refuseDowngrade(version, release.version);
    return {
      namespace,
      version,
      variant: record.variant,
      managedBy,
      applied: record.digest,
      declared: { digest: release?.digest ?? "", version: release?.version ?? "" },
      drifted: await driftOf(client, record, { namespace, stack }),
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
        update("version", `${version} ${live.variant}`, `${declared.version} ${variant}`);
      } else if (drifted.length > 0) update("objects", drifted.join(", "), "as the manifest has them");
      if (live.credentials.includes(INITIAL_ADMIN)) update("credentials", INITIAL_ADMIN, "removed");
    }
    if (live.unready.length > 0) update("status", live.unready.join("; "), "ready");
    return changes;
  },

  /** What tells a change is compared with, and what is unready passes: neither is for a program. */
  outputs: ({ version, managedBy }) => ({ version, managedBy }),

  async apply(_changes, desired, ctx) {
    const client = await ctx.kubernetes();
    const { namespace } = desired;
    const before = await installationResource.read(namespace, ctx, desired);
    const written = before?.managedBy ? undefined : await applyRelease(client, desired, ctx);
    await awaitWorkloads(client, namespace, ctx);
    if (written !== undefined) {
      const [name = ""] = INITIAL_ADMIN.split("/");
      await deleteAndWait(client, { apiVersion: "v1", kind: "Secret", namespace, name }, { ctx, uid: undefined });
      await writeRecord(client, { namespace, stack: ctx.stack }, written);
    }
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
    const { managedBy = "" } = (await installationResource.read(namespace, ctx)) ?? {};
    if (managedBy === "") return undefined;
    return {
      as: "released",
      note: `left Argo CD in namespace ${namespace} in place: Application "${managedBy}" manages it from Git`,
    };
  },

  async remove(namespace, ctx) {
    const client = await ctx.kubernetes();
    const record = await readRecord(client, { namespace, stack: ctx.stack });
    if (record === undefined) return;
    const isLetGo = (await installationResource.stays?.(namespace, ctx)) !== undefined;
    const objects = await installedObjects(client, record, { namespace, stack: ctx.stack });
    if (isLetGo) {
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
      reason: WHY_DRAWN[credential] ?? "",
    }));
  },
};
