import { describe, expect, test } from "vitest";
import { problemsOf } from "../../../src/cli/status/problemsOf.ts";
import type { Survey } from "../../../src/cli/status/surveyStack.ts";

describe("problemsOf()", () => {
  const now = new Date("2026-01-01T00:00:00Z");
  const healthy: Survey = {
    processes: [{ name: "etcd", pid: 1, healthy: true, restarts: [] }],
    application: { sync: "Synced", health: "Healthy", revision: "a", branch: "main", trouble: undefined },
    credentials: [
      {
        name: "repo-fleet",
        issuer: "openbao-oidc",
        expiresAt: "2026-01-01T00:01:00Z",
        nextRenewal: "2026-01-01T00:00:30Z",
      },
    ],
    ledger: [],
    unobservable: [],
    credentialsUnknown: undefined,
    renewalFailure: undefined,
    auditProblem: undefined,
    vaultClosed: false,
    recovery: [],
    repositories: [],
  };
  const [credential] = healthy.credentials;

  test("finds nothing wrong with a healthy stack", () => {
    expect(problemsOf(healthy, { program: "local", now })).toEqual([]);
  });

  test("leaves a process alone that was restarted twice, or long ago, and a schedule of the cluster its time", () => {
    const times = ["2025-12-31T20:00:00Z", "2025-12-31T23:51:00Z", "2025-12-31T23:59:00Z"];
    const restarts = times.map((time) => new Date(time));
    const processes = [{ name: "renewer", pid: 1, healthy: true, restarts }];
    expect(problemsOf({ ...healthy, processes }, { program: "local", now })).toEqual([]);
    const late = { expiresAt: "2026-01-01T00:01:00Z", nextRenewal: "2025-12-31T23:59:00Z" };
    const credentials = [{ ...credential, ...late } as never];
    expect(problemsOf({ ...healthy, credentials }, { program: "existing", now })).toEqual([]);
  });

  test("misses no process of a stack on a cluster that was there, and names no log of this machine", () => {
    const change = { processes: [], credentials: [{ ...credential, expiresAt: "2025-12-31T23:59:00Z" } as never] };
    expect(problemsOf({ ...healthy, processes: [] }, { program: "existing", now })).toEqual([]);
    expect(problemsOf({ ...healthy, ...change }, { program: "existing", now }).join()).not.toContain("logs/");
  });

  test("misses no root Application of an Argo CD that was taken over", () => {
    const survey = { ...healthy, processes: [], application: undefined };
    expect(problemsOf(survey, { program: "existing", adopted: true, now })).toEqual([]);
    const before = { ...survey, credentials: [] };
    expect(problemsOf(before, { program: "existing", adopted: true, now })).toEqual([
      expect.stringContaining("do not revoke its token yet"),
    ]);
  });

  test.each<[string, Partial<Survey>, RegExp]>([
    [
      "a cluster that does not answer",
      { credentials: [], credentialsUnknown: "kubernetes GET /api: ConnectionRefused" },
      /^whether Argo CD has a Git credential is not known: kubernetes GET \/api: ConnectionRefused$/,
    ],
    ["a Vault that is closed", { vaultClosed: true }, /Vault is sealed or does not answer/],
    ["nothing started", { processes: [] }, /nothing was started/],
    ["a dead process", { processes: [{ name: "etcd", pid: null, healthy: false, restarts: [] }] }, /not running: etcd/],
    ["a stuck process", { processes: [{ name: "etcd", pid: 1, healthy: false, restarts: [] }] }, /not ready: etcd/],
    ["no answer", { application: undefined }, /no answer about the root Application/],
    [
      "another state than the repository's",
      { application: { ...healthy.application, sync: "OutOfSync" } as never },
      /OutOfSync/,
    ],
    ["an unhealthy Application", { application: { ...healthy.application, health: "Degraded" } as never }, /Degraded/],
    [
      "what was not granted",
      {
        application: {
          ...healthy.application,
          trouble: "resource apps:Deployment is not permitted in project root",
        } as never,
      },
      /not permitted in project root; run dayzero up/,
    ],
    ["a lost way back into Vault", { recovery: ["vault/identity.txt is missing"] }, /^vault\/identity.txt is missing$/],
    ["no credential", { credentials: [] }, /no Git credential/],
    [
      "a process that was restarted three times in ten minutes",
      {
        processes: [
          {
            name: "renewer",
            pid: 1,
            healthy: true,
            restarts: ["51", "58", "59"].map((minute) => new Date(`2025-12-31T23:${minute}:00Z`)),
          },
        ],
      },
      /^renewer ends again and again: it was last restarted 1 min 00 s ago; see logs\/renewer.log$/,
    ],
    [
      "a renewer that cannot renew",
      { renewalFailure: "VAULT_UNREACHABLE: no answer" },
      /^the renewer cannot renew the Git credential: VAULT_UNREACHABLE: no answer$/,
    ],
    [
      "a full disk under the audit log",
      { auditProblem: "the disk of logs is full" },
      /VAULT_AUDIT_BLOCKED.*the disk of logs is full; make room/,
    ],
    [
      "a credential that is not renewed in time",
      {
        credentials: [
          { ...credential, expiresAt: "2026-01-01T00:02:00Z", nextRenewal: "2025-12-31T23:59:00Z" } as never,
        ],
      },
      /^Git credential repo-fleet should be new by now, and ends in 2 min 00 s; see logs\/renewer.log/,
    ],
    [
      "an expired credential",
      { credentials: [{ ...credential, expiresAt: "2025-12-31T23:59:00Z" } as never] },
      /repo-fleet expired/,
    ],
  ])("has one line for %s", (_what, change, line) => {
    expect(problemsOf({ ...healthy, ...change }, { program: "local", now })).toEqual([expect.stringMatching(line)]);
  });
});
