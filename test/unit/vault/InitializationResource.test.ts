import { expect, test } from "vitest";
import {
  type InitializationInputs,
  type InitializationLive,
  initializationResource,
} from "../../../src/resources/vault/InitializationResource.ts";

const desired: InitializationInputs = {
  address: "https://127.0.0.1:8200",
  authority: "platform",
  recipients: [],
  shares: 1,
  threshold: 1,
};
const live: InitializationLive = {
  address: desired.address,
  initialized: true,
  sealed: false,
  recipients: ["age1local"],
  localIdentity: true,
  autoUnseal: false,
  shares: 1,
  threshold: 1,
};

test.each<[string, Partial<InitializationInputs>, string]>([
  ["an address without TLS", { address: "http://127.0.0.1:8200" }, "address"],
  ["the same recipient twice", { recipients: ["age1a", "age1a"], shares: 2, threshold: 2 }, "recipients"],
  ["fewer shares than recipients", { recipients: ["age1a", "age1b", "age1c"], shares: 2, threshold: 2 }, "shares"],
  ["a threshold above the shares", { shares: 2, threshold: 3 }, "threshold"],
  ["one of several shares as threshold", { shares: 3, threshold: 1 }, "threshold"],
  [
    "a threshold that one of several recipients reaches alone",
    { recipients: ["age1a", "age1b"], shares: 4, threshold: 2 },
    "threshold",
  ],
])("initializationResource.inputs refuses %s", (_, change, path) => {
  const parsed = initializationResource.inputs.safeParse({ ...desired, ...change });
  expect(parsed.error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});

test("initializationResource.plan() has nothing to do for a Vault that is open, and unseals one that is not", () => {
  expect(initializationResource.plan(undefined, desired)).toEqual([{ action: "create", path: "" }]);
  expect(initializationResource.plan(live, desired)).toEqual([]);
  expect(initializationResource.plan({ ...live, sealed: true }, desired)).toEqual([
    { action: "update", path: "sealed", before: "true", after: "false" },
  ]);
});

test("initializationResource.plan() refuses other recipients, shares and threshold than Vault was initialized with", () => {
  const other = { ...desired, recipients: ["age1a", "age1b"], shares: 3, threshold: 2 };
  expect(() => initializationResource.plan(live, other)).toThrow(
    "cannot change the shares of vault: recipients age1a, age1b instead of a local identity, 3 shares instead of 1, threshold 2 instead of 1",
  );
});

test("initializationResource.plan() refuses another kind of seal than Vault was initialized with", () => {
  expect(() => initializationResource.plan(live, { ...desired, autoUnseal: true })).toThrow(
    "a seal that opens by itself, instead of the other kind",
  );
  expect(initializationResource.plan({ ...live, autoUnseal: true }, { ...desired, autoUnseal: true })).toEqual([]);
});

test("initializationResource.ledger() names the local identity as residual, and only where there is one", () => {
  const where = (found: InitializationLive) => initializationResource.ledger?.("", found).map((entry) => entry.where);
  expect(where(live)).toEqual(["vault/shares.age.json", "vault/identity.txt"]);
  expect(where({ ...live, localIdentity: false })).toEqual(["vault/shares.age.json"]);
});
