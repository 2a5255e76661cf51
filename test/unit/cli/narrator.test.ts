import type { WriteStream } from "node:tty";
import { describe, expect, test } from "vitest";
import { createNarrator } from "../../../src/cli/narrator/createNarrator.ts";
import { formatElapsed } from "../../../src/cli/narrator/formatElapsed.ts";
import { LiveNarrator } from "../../../src/cli/narrator/LiveNarrator.ts";
import type { NarratorClock } from "../../../src/cli/narrator/Narrator.ts";
import { PlainNarrator } from "../../../src/cli/narrator/PlainNarrator.ts";

/** Time that passes only when the test says so. */
class ManualClock implements NarratorClock {
  #now = 0;
  readonly #timers = new Set<{ readonly every: number; next: number; readonly call: () => void }>();

  now = () => this.#now;

  every = (ms: number, call: () => void) => {
    const timer = { every: ms, next: this.#now + ms, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ next }) => next <= end).sort((one, other) => one.next - other.next)[0];
      if (due === undefined) break;
      this.#now = due.next;
      due.next += due.every;
      due.call();
    }
    this.#now = end;
  }
}

const plainPaint = (_style: string, text: string) => text;

function plain() {
  const clock = new ManualClock();
  const lines: string[] = [];
  const narrator = new PlainNarrator({ write: (text) => lines.push(text), clock, paint: plainPaint });
  return { clock, lines, narrator };
}

test("createNarrator() leaves credentials out of what other programs say", async () => {
  const written: string[] = [];
  const stderr = { write: (text: string) => written.push(text) } as unknown as WriteStream;
  const narrator = await createNarrator({ stderr, live: false, color: false });
  narrator.tell({ kind: "note", message: "fetching https://me:canary-in-a-url@mirror.example/etcd" });
  narrator.tell({ kind: "waiting", phase: "vault", message: "x-vault-token: canary-in-a-header" });
  narrator.close();
  expect(written.join("")).toContain("mirror.example/etcd");
  expect(written.join("")).not.toContain("canary");
});

describe("PlainNarrator", () => {
  test("writes one line for each thing that happens, with the time of whatever takes over a second", () => {
    const { clock, lines, narrator } = plain();
    narrator.tell({ kind: "phase-started", phase: "cluster" });
    narrator.tell({ kind: "waiting", phase: "cluster", message: "waiting for etcd" });
    clock.pass(1_900);
    narrator.tell({ kind: "waiting", phase: "cluster", message: "waiting for kube-apiserver" });
    narrator.tell({ kind: "waiting", phase: "cluster", message: "waiting for kube-apiserver" });
    narrator.tell({ kind: "phase-finished", phase: "cluster", ms: 2_345, ok: true });
    narrator.tell({ kind: "phase-finished", phase: "vault", ms: 20, ok: false });
    narrator.close();
    expect(lines.join("")).toBe(
      [
        "cluster ...",
        "cluster: waiting for etcd",
        "cluster: waiting for kube-apiserver (1.9 s)",
        "✓ cluster (2.3 s)",
        "✗ vault (0.0 s)",
        "",
      ].join("\n"),
    );
  });

  test("says that a silent phase still runs, and leaves passing detail out", () => {
    const { clock, lines, narrator } = plain();
    narrator.tell({ kind: "phase-started", phase: "tool argocd" });
    narrator.tell({ kind: "waiting", phase: "tool argocd", message: "go build" });
    narrator.tell({ kind: "detail", phase: "tool argocd", message: "compiling runtime" });
    clock.pass(31_000);
    expect(lines.slice(2)).toEqual(["tool argocd: go build (15.0 s)\n", "tool argocd: go build (30.0 s)\n"]);
    narrator.close();
    clock.pass(60_000);
    expect(lines).toHaveLength(4);
  });
});

describe("LiveNarrator", () => {
  test("draws what runs with its time and what it waits for, and keeps what is finished above", () => {
    const clock = new ManualClock();
    const kept: string[] = [];
    let drawn = "";
    const region = {
      update: (text: string) => {
        drawn = text;
      },
      persist: (text: string) => kept.push(text),
      clear: () => {
        drawn = "";
      },
    };
    const narrator = new LiveNarrator({ region, clock, paint: plainPaint, columns: () => 40 });
    narrator.tell({ kind: "phase-started", phase: "cluster" });
    narrator.tell({ kind: "phase-started", phase: "vault" });
    narrator.tell({ kind: "waiting", phase: "vault", message: "a very long explanation of what is awaited" });
    clock.pass(1_500);
    const [cluster, vault] = drawn.split("\n");
    expect(cluster).toMatch(/ cluster 1\.5 s$/);
    expect(vault).toMatch(/ vault 1\.5 s {2}a very .*…$/);
    expect(vault?.length).toBeLessThanOrEqual(40);
    narrator.tell({ kind: "phase-finished", phase: "cluster", ms: 1_512, ok: true });
    expect(kept).toEqual(["✓ cluster 1.5 s"]);
    expect(drawn).not.toContain("cluster");
    narrator.close();
    expect(drawn).toBe("");
  });
});

describe("formatElapsed()", () => {
  test.each([
    [0, "0.0 s"],
    [59_940, "59.9 s"],
    [59_960, "1 min 00 s"],
    [125_400, "2 min 05 s"],
    [3_600_000, "1 h 00 min"],
    [7_380_000, "2 h 03 min"],
    [31_536_000_000, "365 d"],
  ])("%i ms is %s", (ms, text) => {
    expect(formatElapsed(ms)).toBe(text);
  });
});
