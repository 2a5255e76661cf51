import fc from "fast-check";
import { afterAll, describe, expect, inject, test } from "vitest";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import type { Change, Context, Resource } from "../../../src/resources/Resource.ts";
import { loadResource, resourceTypes } from "../../../src/resources/registry.ts";
import { clusterRows } from "./clusterRows.ts";
import { gitRows } from "./gitRows.ts";
import { localRows } from "./localRows.ts";
import type { Row } from "./Row.ts";
import type { System } from "./System.ts";
import { vaultRows } from "./vaultRows.ts";

const ROWS: readonly Row[] = [...localRows, ...gitRows, ...clusterRows, ...vaultRows];
/** Types that are tried by hand elsewhere, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "dayzero:gitops:Installation": "it needs a release of Argo CD and controllers: test/contract/gitops",
  "dayzero:gitops:Handover": "it needs a running Argo CD: test/contract/gitops",
};
const MADE_WITHIN_MS = 110_000;

type AnyResource = Resource<unknown, object>;

/** What is there before a plan. */
type Prior =
  | { readonly kind: "nothing" }
  | { readonly kind: "made"; readonly from: object }
  | { readonly kind: "tampered"; readonly from: object; readonly how: string };

test("every registered type has states to try", () => {
  const tried = [...ROWS.map(({ type }) => type), ...Object.keys(ELSEWHERE)];
  expect(tried.sort()).toEqual([...resourceTypes].sort());
});

// What is tried in one system is tried one after the other; the systems know nothing of each other.
const GROUPS = Array.from(
  Map.groupBy(ROWS, ({ system }) => system),
  ([start, rows]) => ({ start, rows }),
);
describe.concurrent.for(GROUPS)("$start.name", ({ start, rows }) => {
  let starting: Promise<System> | undefined;
  afterAll(async () => (await starting?.catch(() => undefined))?.close());

  test.for(rows)(
    "$type: what a plan tells is what a run does, and then nothing is left to do",
    { timeout: MADE_WITHIN_MS, concurrent: false },
    async (row) => {
      const resource = (await loadResource(row.type)) as AnyResource;
      starting ??= start(inject("tools"));
      const system = await starting;
      const inputs = row.inputs(system);
      const tampers = Object.keys(row.tampers ?? {});
      const prior: fc.Arbitrary<Prior> = fc.oneof(
        ...(row.alwaysThere === undefined ? [fc.constant({ kind: "nothing" } as const)] : []),
        fc.record({ kind: fc.constant("made" as const), from: inputs }),
        ...(tampers.length === 0
          ? []
          : [fc.record({ kind: fc.constant("tampered" as const), from: inputs, how: fc.constantFrom(...tampers) })]),
      );
      // Each at least once; the rest is random.
      const examples: [Prior, object][] = [
        ...(row.alwaysThere === undefined
          ? fc.sample(inputs, 1).map((given): [Prior, object] => [{ kind: "nothing" }, given])
          : []),
        ...tampers.flatMap((how) =>
          fc.sample(inputs, 1).map((from): [Prior, object] => [{ kind: "tampered", from, how }, from]),
        ),
      ];
      const property = fc.asyncProperty(prior, inputs, (before, given) => holds(resource, row, system, before, given));
      // Each example takes real servers a while, so the one that fails is not made smaller. Its seed is printed.
      await fc.assert(property, {
        numRuns: examples.length + row.random,
        endOnFailure: true,
        examples,
      });
    },
  );
});

async function holds(resource: AnyResource, row: Row, system: System, prior: Prior, given: object): Promise<void> {
  const ctx = system.context;
  const dry: Context = { ...ctx, dryRun: true };
  const desired = resource.inputs.parse(given);
  const id = resource.identify(desired);
  expect(resource.identify(resource.inputs.parse(structuredClone(given)))).toBe(id);

  const ids = [id];
  if (prior.kind !== "nothing") ids.push(resource.identify(resource.inputs.parse(prior.from)));
  if (row.reset === undefined) for (const one of new Set(ids)) await resource.remove(one, ctx);
  else await row.reset(ctx, system);
  await row.prepare?.(given, system);
  if (prior.kind !== "nothing") {
    await row.prepare?.(prior.from, system);
    await up(resource, resource.inputs.parse(prior.from), ctx);
  }
  if (prior.kind === "tampered") await row.tampers?.[prior.how]?.(prior.from as never, system);

  const found = await system.snapshot();
  const told = await outcome(resource, desired, dry);
  expect(await system.snapshot(), "a dry run changed something").toEqual(found);
  const due = await outcome(resource, desired, ctx);
  expect(due, "a run finds something else to do than its plan told").toEqual(told);
  // Refused alike: there is nothing to do then.
  if ("refused" in due) return;

  if (due.changes.length > 0) {
    const foreseen = resource.foresee?.(await resource.read(id, dry, desired), desired, due.changes) ?? {};
    const live = await resource.apply(due.changes, desired, ctx);
    expect(live, "what was foreseen did not come").toMatchObject(foreseen);
    expect(resource.plan(live, desired), "what was just made differs from what is desired").toEqual([]);
    const found = (await resource.read(id, ctx, desired)) ?? {};
    const outputs = resource.outputs?.bind(resource) ?? ((of: object) => of);
    expect(outputs(found), "what a program gets of what was made is not what it gets the next time").toEqual(
      outputs(live),
    );
  }
  // As after a run that was killed before it could tell.
  if (due.changes.length > 0) await resource.apply(due.changes, desired, ctx);
  const settled = await system.snapshot();
  for (const one of [dry, ctx]) {
    expect(await outcome(resource, desired, one), "it does not converge").toEqual({ changes: [] });
  }
  expect(await system.snapshot(), "looking changed something").toEqual(settled);

  const isOwned = async (): Promise<boolean> => (await resource.owned(ctx.stack, ctx)).includes(id);
  expect(await isOwned()).toBe(row.neverOwned === undefined);
  if ((await resource.stays?.(id, ctx)) !== undefined) return;
  await resource.remove(id, ctx);
  expect(await isOwned(), "removed, it is still owned").toBe(false);
  if (row.afterRemoval !== undefined) return;
  expect(await resource.read(id, ctx), "removed, it is still there").toBeUndefined();
  await resource.remove(id, ctx);
}

/** What a run would do, or why it refuses to. */
async function outcome(
  resource: AnyResource,
  desired: unknown,
  ctx: Context,
): Promise<{ changes: Change[] } | { refused: string }> {
  try {
    return { changes: resource.plan(await resource.read(resource.identify(desired), ctx, desired), desired) };
  } catch (error) {
    if (error instanceof DayzeroError) return { refused: `${error.code}: ${error.message}` };
    throw error;
  }
}

async function up(resource: AnyResource, desired: unknown, ctx: Context): Promise<void> {
  const due = await outcome(resource, desired, ctx);
  if ("refused" in due) throw new Error(due.refused);
  if (due.changes.length > 0) await resource.apply(due.changes, desired, ctx);
}
