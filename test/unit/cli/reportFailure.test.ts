import { describe, expect, test } from "vitest";
import { failureJson } from "../../../src/cli/reportFailure.ts";
import { VaultError } from "../../../src/clients/VaultError.ts";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";

describe("failureJson()", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

  test.each([
    ["the system's own error", full, "ENOSPC", /make room/],
    [
      "one behind the host's",
      new DayzeroError("RESOURCE_FAILED", "cannot converge", { cause: full }),
      "RESOURCE_FAILED",
      /make room/,
    ],
    ["Vault's", new VaultError({ status: 500, errors: [], method: "GET", path: "sys" }), "VAULT_FAILED", /vault\.log/],
    ["a defect", new TypeError("x is undefined"), "INTERNAL", /defect/],
    [
      "a defect behind the host's",
      new DayzeroError("RESOURCE_FAILED", "x", { cause: new TypeError("x") }),
      "RESOURCE_FAILED",
      /defect/,
    ],
  ])("says what to do about %s", (_what, error, code, hint) => {
    expect(failureJson(error).error).toMatchObject({ code, hint: expect.stringMatching(hint) });
  });
});
