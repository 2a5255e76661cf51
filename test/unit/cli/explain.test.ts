import { describe, expect, test } from "vitest";
import { explain } from "../../../src/cli/commands/explain.ts";
import { errorCatalogue } from "../../../src/config/errorCatalogue.ts";

const run = { paint: (_color: string, text: string) => text };

describe("explain()", () => {
  test.each(["VAULT_SEALED", "vault_sealed", " Vault_Sealed "])("tells what %j means and what to do", async (code) => {
    const { exitCode, json, text } = await explain(run, code);
    const entry = errorCatalogue.VAULT_SEALED;
    expect(exitCode).toBe(0);
    expect(json).toEqual({ code: "VAULT_SEALED", exitCode: 1, ...entry });
    for (const said of [entry.title, entry.meaning, ...entry.causes, ...entry.remedy]) expect(text).toContain(said);
  });

  test("lists every code with its title", async () => {
    const { json, text } = await explain(run, undefined);
    const { codes } = json as { codes: { code: string; title: string }[] };
    expect(codes.map(({ code }) => code)).toEqual(Object.keys(errorCatalogue));
    const lines = text.split("\n").map((line) => line.replace(/ +/, " "));
    expect(lines).toEqual(expect.arrayContaining(codes.map(({ code, title }) => `${code} ${title}`)));
  });

  test("names the code that may have been meant", async () => {
    await expect(explain(run, "STACK_INVALD")).rejects.toMatchObject({
      code: "EXPLAIN_UNKNOWN",
      hint: expect.stringContaining("did you mean STACK_INVALID?"),
    });
    await expect(explain(run, "constructor")).rejects.toMatchObject({ code: "EXPLAIN_UNKNOWN" });
  });
});
