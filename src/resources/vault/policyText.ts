import { readFileSync } from "node:fs";

const FOLDER = new URL("../../../bootstrap/vault/", import.meta.url);

/** A policy of bootstrap/vault with its `${name}` places filled in. Throws for a place without a value, and for a value that is no plain name. */
export function policyText(policy: "operator" | "git-reader", values: Readonly<Record<string, string>>): string {
  return readFileSync(new URL(`${policy}.hcl`, FOLDER), "utf8").replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value !== undefined && /^[a-z0-9-]+$/.test(value)) return value;
    throw new Error(`policy ${policy}: ${name} is ${JSON.stringify(value)}, expected a name`);
  });
}
