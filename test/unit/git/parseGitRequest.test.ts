import { describe, expect, test } from "vitest";
import { parseGitRequest } from "../../../src/daemons/git/parseGitRequest.ts";

test("parseGitRequest() knows the two requests of a fetch", () => {
  expect(parseGitRequest("GET", "/fleet.git/info/refs?service=git-upload-pack")).toEqual({
    kind: "fetch",
    repository: "fleet",
    pathInfo: "/fleet.git/info/refs",
    query: "service=git-upload-pack",
    step: "references",
  });
  expect(parseGitRequest("POST", "/fleet.git/git-upload-pack")).toMatchObject({ kind: "fetch", step: "pack" });
});

describe("parseGitRequest() refuses", () => {
  test.each([
    ["GET", "/fleet.git/info/refs?service=git-receive-pack", 403, "read-only"],
    ["POST", "/fleet.git/git-receive-pack", 403, "read-only"],
    ["GET", "/fleet.git/info/refs", 403, "dumb-protocol"],
    ["GET", "/fleet.git/info/refs?service=git-upload-pack&service=git-receive-pack", 403, "dumb-protocol"],
    ["GET", "/fleet.git/HEAD", 404, "no-such-path"],
    ["GET", "/fleet.git/objects/info/packs", 404, "no-such-path"],
    ["GET", "/fleet.git/config", 404, "no-such-path"],
    ["GET", "/../fleet.git/info/refs?service=git-upload-pack", 404, "no-such-path"],
    ["GET", "/fleet.git/../other.git/info/refs?service=git-upload-pack", 404, "no-such-path"],
    ["GET", "/%2e%2e/fleet.git/info/refs?service=git-upload-pack", 404, "no-such-path"],
    ["GET", "//fleet.git/info/refs?service=git-upload-pack", 404, "no-such-path"],
    ["GET", "/fleet.git/info%2frefs?service=git-upload-pack", 404, "no-such-path"],
    ["GET", "/.git/info/refs?service=git-upload-pack", 404, "no-such-path"],
    ["GET", "https://elsewhere/fleet.git/info/refs?service=git-upload-pack", 404, "no-such-path"],
    ["GET", "/healthz?x", 404, "no-such-path"],
    ["POST", "/healthz", 405, "method"],
    ["PUT", "/fleet.git/info/refs?service=git-upload-pack", 405, "method"],
    ["GET", "/fleet.git/git-upload-pack", 405, "method"],
    ["POST", "/fleet.git/git-upload-pack?x=1", 400, "query"],
  ])("%s %s", (method, target, status, reason) => {
    expect(parseGitRequest(method, target)).toEqual({ kind: "refused", status, reason });
  });
});
