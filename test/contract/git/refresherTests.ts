import { beforeAll, beforeEach, expect, test } from "vitest";
import { rootApplication } from "../../../src/manifests/argocd/rootApplication.ts";
import { waitFor } from "../../support/waitFor.ts";
import { APPLICATION, GIT_READER, type Platform } from "./Platform.ts";

const ANNOTATION = "argocd.argoproj.io/refresh";

export function refresherTests(running: () => Platform): void {
  const requested = async () =>
    (await running().kubernetes.get(APPLICATION))?.metadata.annotations?.[ANNOTATION] === "normal";
  /** What Argo CD does with a request. */
  const takeUp = async () => {
    await waitFor("a refresh request at the Application", requested);
    await running().kubernetes.mergePatch(APPLICATION, { metadata: { annotations: { [ANNOTATION]: null } } });
  };
  const refresh = () => running().askRenewer("POST", "/refresh");
  const asked = async (verb: "get" | "patch") =>
    (await running().requestsOfReader("applications")).filter((event) => event.verb === verb);
  let earlier = 0;
  /** Requests that the renewer made since the test began. */
  const made = async () => (await asked("patch")).length - earlier;

  beforeAll(() => running().restartRenewer());

  beforeEach(async () => {
    earlier = (await asked("patch")).length;
  });

  test("says when there is no Application", async () => {
    expect(await refresh()).toMatchObject({
      status: 503,
      body: { error: "cannot refresh Application argocd/root: there is none" },
    });
  });

  test("two requests in a row both reach the Application, the second once the first was taken up", async () => {
    const { url } = running().credential;
    const revision = "0".repeat(40);
    await running().kubernetes.create({
      ...rootApplication({ project: "fleet", url, path: ".", branch: "main", revision }),
    });

    expect((await refresh()).status).toBe(202);
    await waitFor("the first request", requested);
    expect((await refresh()).status).toBe(202);
    await takeUp();
    await takeUp();

    const steps = async () =>
      (await running().audit())
        .filter(({ verb, objectRef }) => verb === "patch" && objectRef?.resource === "applications")
        .map(({ user }) => (user.username === GIT_READER ? "requested" : "taken up"));
    await waitFor("all in the audit log", async () => (await steps()).length === 4);
    expect(await steps()).toEqual(["requested", "taken up", "requested", "taken up"]);
  });

  test("waits while a request is not taken up, and makes one of those that come meanwhile", async () => {
    expect((await refresh()).status).toBe(202);
    await waitFor("the first request", requested);
    for (let push = 0; push < 4; push++) expect((await refresh()).status).toBe(202);
    const looked = (await asked("get")).length;
    await waitFor("more looks", async () => (await asked("get")).length >= looked + 3);
    expect(await made()).toBe(1);

    await takeUp();
    await takeUp();

    await waitFor("the second in the audit log", async () => (await made()) === 2);
    // Ten times as long as it takes to look again.
    await expect(waitFor("a third request", async () => (await made()) > 2, 0.5)).rejects.toThrow("in vain");
    expect(await requested()).toBe(false);
  });
}
