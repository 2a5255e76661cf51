import { PassThrough } from "node:stream";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Terminal } from "../../../src/cli/Terminal.ts";

function screen() {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  const controller = new AbortController();
  const shown = () => String(output.read() ?? "");
  return { input, shown, controller, terminal: new Terminal({ input, output, signal: controller.signal }) };
}

test("Terminal.askSecret() takes what is typed and shows nothing of it", async () => {
  const { input, shown, terminal } = screen();
  const asked = terminal.askSecret("token");
  for (const key of "hvs.CANARX") input.write(key);
  input.write("\u007fY\r");
  const secret = await asked;
  expect(secret.reveal()).toBe("hvs.CANARY");
  expect(shown()).toBe("token: \n");
  expect(`${secret} ${inspect(secret)} ${JSON.stringify(secret)}`).not.toContain("CANAR");
});

test("Terminal.askSecret() refuses an empty answer and an end of the input", async () => {
  for (const end of ["\r", undefined]) {
    const { input, terminal } = screen();
    const asked = terminal.askSecret("token");
    if (end === undefined) input.end();
    else input.write(end);
    await expect(asked).rejects.toMatchObject({ code: "NOTHING_GIVEN" });
  }
});

test("Terminal ends a question with the run", async () => {
  const { controller, terminal } = screen();
  const asked = terminal.askSecret("token");
  controller.abort();
  await expect(asked).rejects.toMatchObject({ name: "AbortError" });
});

test("Terminal.confirm() takes a yes only", async () => {
  for (const [answer, expected] of [
    ["y", true],
    ["YES ", true],
    ["", false],
    ["yep", false],
  ] as const) {
    const { input, terminal } = screen();
    const asked = terminal.confirm("Sure?");
    input.write(`${answer}\r`);
    expect(await asked, answer).toBe(expected);
  }
});
