import { afterAll, beforeAll, describe, inject } from "vitest";
import { apiServerTokens } from "../local/apiServerTokens.ts";
import { Platform } from "./Platform.ts";
import { refresherTests } from "./refresherTests.ts";
import { renewerTests } from "./renewerTests.ts";
import { repositoryCredentialTests } from "./repositoryCredentialTests.ts";

// One stack for all that needs a whole one but no Argo CD: making it takes longer than most of the tests.
let platform: Platform;
const running = () => platform;

beforeAll(async () => {
  platform = await Platform.create(inject("tools"));
}, 120_000);

afterAll(() => platform?.dispose(), 120_000);

describe("kube-apiserver", () => apiServerTokens(running));
describe("repositoryCredentialResource", () => repositoryCredentialTests(running));
describe("serveRenewer()", () => renewerTests(running));
describe("Refresher", () => refresherTests(running));
