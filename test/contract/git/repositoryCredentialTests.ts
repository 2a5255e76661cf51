import { beforeAll, expect, test } from "vitest";
import { KubernetesClient, type KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { mintClientCertificate } from "../../../src/machine/mintClientCertificate.ts";
import { repositoryCredentialResource } from "../../../src/resources/gitops/RepositoryCredentialResource.ts";
import { waitFor } from "../../support/waitFor.ts";
import { type Platform, SECRET } from "./Platform.ts";

/** The administrator, who is overtaken by somebody else right before the first write. */
class OvertakenClient extends KubernetesClient {
  #overtake: (() => Promise<unknown>) | undefined;

  constructor(platform: Platform, overtake: () => Promise<unknown>) {
    const { server } = platform.kubernetes;
    const credential = () => mintClientCertificate(platform.layout.directory, "administrator");
    super({ server, ca: platform.clusterCa, credential });
    this.#overtake = overtake;
  }

  override async replace<T = KubernetesManifest>(object: KubernetesManifest): Promise<T> {
    const overtake = this.#overtake;
    this.#overtake = undefined;
    await overtake?.();
    return super.replace<T>(object);
  }
}

export function repositoryCredentialTests(running: () => Platform): void {
  /** The outcome of a credential that says another repository than the one it is for. */
  let refused: Promise<unknown>;

  beforeAll(async () => {
    const platform = running();
    // The renewer would heal what these tests break.
    await platform.kill("renewer");
    // The server is given some seconds to know a new token: the other tests go on meanwhile.
    const url = platform.credential.url.replace("fleet.git", "elsewhere.git");
    const desired = { ...platform.credential, repository: "elsewhere", url };
    refused = platform.renew({ desired }).catch((error: unknown) => error);
  });

  test("mints, proves and swaps in; again it changes nothing, and no output is the credential", async () => {
    const platform = running();
    await platform.kubernetes.delete(SECRET);
    const started = Date.now();

    const { changes, live } = await platform.renew();

    expect(changes).toEqual([{ action: "create", path: "" }]);
    const { generation, vaultAddress } = platform.credential;
    const tokenIssuer = `${vaultAddress}/v1/identity/oidc`;
    expect(live).toMatchObject({ secretName: "repo-fleet", epoch: 1, due: false, generation, tokenIssuer });
    expect(JSON.stringify(live)).not.toContain((await platform.passwordInPlace()).split(".")[2]);
    expect((await platform.secret()).metadata.labels).toEqual({
      "argocd.argoproj.io/secret-type": "repository",
      "dayzero.dev/stack": "test",
    });
    const proof = (await platform.gitLog()).find(({ token }) => token === live.fingerprint);
    expect(proof).toMatchObject({ status: 200 });
    let written = Number.NaN;
    await waitFor("the Secret's creation in the audit log", async () => {
      const made = (await platform.audit()).findLast(
        ({ verb, objectRef }) => verb === "create" && objectRef?.resource === "secrets",
      );
      written = Date.parse(made?.requestReceivedTimestamp ?? "");
      return written >= started;
    });
    expect(Date.parse(proof?.time ?? "")).toBeLessThanOrEqual(written);
    expect((await platform.renew()).changes).toEqual([]);
    expect(repositoryCredentialResource.ledger?.("argocd/fleet", live)).toEqual([
      expect.objectContaining({ where: "Secret argocd/repo-fleet", expiresAt: live.expiresAt, residual: false }),
    ]);
  });

  test("goes by the token itself, not by what annotations say of it", async () => {
    const platform = running();
    const { live } = await platform.renew();
    await platform.overwrite("not a token");

    const healed = await platform.renew();

    expect(healed.changes.map(({ path }) => path)).toEqual(["generation", "expiresAt"]);
    expect(healed.live).toMatchObject({ epoch: live.epoch + 1, due: false });
  });

  test.each([
    { what: "leaves a racing writer's credential in place when that lives as long", life: 600, swaps: 1 },
    { what: "takes the place of a racing writer's credential that ends earlier", life: 60, swaps: 2 },
  ])("$what", async ({ life, swaps }) => {
    const platform = running();
    await platform.renew();
    await platform.overwrite("stale");
    const { epoch } = await platform.inPlace();
    let winner = "";
    const client = new OvertakenClient(platform, async () => {
      const restore = await platform.changeRole({ ttl: life });
      winner = (await platform.renew()).live.fingerprint;
      await restore();
    });
    const conflicts = async () =>
      (await platform.audit()).filter(
        ({ verb, objectRef, responseStatus }) =>
          verb === "update" && objectRef?.name === SECRET.name && responseStatus?.code === 409,
      ).length;
    const before = await conflicts();

    const { live } = await platform.renew({ context: { ...platform.context, kubernetes: async () => client } });
    await client.close();

    await waitFor("the conflict in the audit log", async () => (await conflicts()) === before + 1);
    expect(live.epoch).toBe(epoch + swaps);
    expect(live.fingerprint === winner).toBe(swaps === 1);
    expect(await platform.inPlace()).toMatchObject({ epoch: live.epoch, fingerprint: live.fingerprint });
  });

  test("does not adopt a Secret that the stack did not make", async () => {
    const platform = running();
    await platform.renew();
    const label = (stack: string | null) =>
      platform.kubernetes.mergePatch(SECRET, { metadata: { labels: { "dayzero.dev/stack": stack } } });
    await label(null);

    await expect(platform.renew()).rejects.toMatchObject({ code: "SECRET_NOT_OWN" });

    await label("test");
  });

  test("of a stack that took over, it is made again when it is lost, and what was taken over is not forgotten", async () => {
    const platform = running();
    const { kubernetes, credential } = platform;
    const desired = { ...credential, adopt: "repo-of-old" };
    const map = { apiVersion: "v1", kind: "ConfigMap", namespace: "argocd", name: "argocd-tls-certs-cm" };
    const other = { ...SECRET, name: "theirs" };
    await kubernetes.delete(SECRET);
    const metadata = { ...other, labels: { "argocd.argoproj.io/secret-type": "repository" } };
    await kubernetes.create({
      ...other,
      metadata,
      stringData: { url: credential.url },
    } as unknown as KubernetesManifest);
    await expect(platform.renew({ desired })).rejects.toMatchObject({
      code: "SECRET_MISSING",
      hint: expect.stringContaining("Secret theirs"),
    });
    await kubernetes.delete(other);
    await expect(platform.renew({ desired })).rejects.toMatchObject({ code: "ARGOCD_CA_MISSING" });
    const data = { "127.0.0.1": credential.gitCa };
    await kubernetes.create({ ...map, metadata: map, data } as unknown as KubernetesManifest);

    expect((await platform.renew({ desired })).changes).toEqual([{ action: "create", path: "" }]);
    expect((await platform.renew({ desired })).changes).toEqual([]);
    await expect(platform.renew()).rejects.toMatchObject({ code: "ADOPTION_FORGOTTEN" });

    await kubernetes.delete(SECRET);
    await kubernetes.delete(map);
    await platform.renew();
  });

  test("swaps nothing in that the Git server refuses", async () => {
    expect(await refused).toMatchObject({
      code: "CREDENTIAL_REFUSED",
      hint: expect.stringContaining("etc/git-server.json of the stack's folder says what its Git server takes"),
    });
    expect(await running().kubernetes.get({ ...SECRET, name: "repo-elsewhere" })).toBeUndefined();
    const answers = (await running().gitLog()).filter(({ path }) => path.startsWith("/elsewhere.git/"));
    expect(new Set(answers.map(({ token }) => token)).size).toBe(1);
    expect(answers.at(-1)).toMatchObject({ status: 401, refused: "token-repository" });
  });
}
