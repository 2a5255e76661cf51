import { createHash } from "node:crypto";
import { z } from "zod";
import { relativePath } from "./relativePath.ts";

/** When a process counts as ready. Paths and authorities are those of the stack. */
export type ReadyProbe =
  /** `status` 200 unless told; `authority` verifies the server, `client` is the leaf of it that is presented. */
  | { kind: "http"; url: string; authority?: string | undefined; client?: string | undefined; status: number[] }
  /** It answers PING; that it wants a password first will do. */
  | { kind: "redis"; port: number }
  /** `GET /healthz` on a socket of the stack answers 200. */
  | { kind: "unix"; path: string }
  /** The stack's API server says that it is ready. */
  | { kind: "kubernetes" };

export interface ProcessInputs {
  name: string;
  /** Name in the toolchain; `dayzero` is this program itself. */
  tool: string;
  /** `{directory}` becomes the state folder, which is also the working directory. Never a secret. */
  args: string[];
  /** Beside PATH, LANG, HOME and TMPDIR, which every process gets; `{directory}` as in `args`. Never a secret. */
  environment: Record<string, string>;
  /** Variable -> path of a file of the stack (0600) whose content becomes its value. The ledger names each. */
  secretEnvironment: Record<string, string>;
  /** Name -> tool: commands that the process finds first on its PATH. */
  links: Record<string, string>;
  /** Path below `run/files/<name>` -> file of the stack that it links to: for a server that wants its files named so. */
  files: Record<string, string>;
  /** Name under which the tool is started. */
  argv0?: string | undefined;
  ready: ReadyProbe;
  readySeconds: number;
  /** Values, such as digests of its files, whose change restarts it. */
  triggers: string[];
}

/** Also of a process: its identity. */
export const processName = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "is not a plain name");
const port = z.number().int().min(1).max(65_535);

const readiness: z.ZodType<ReadyProbe> = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("http"),
    url: z.url({ protocol: /^https?$/ }),
    authority: processName.optional(),
    client: processName.optional(),
    status: z.array(z.number().int()).min(1).default([200]),
  }),
  z.strictObject({ kind: z.literal("redis"), port }),
  z.strictObject({ kind: z.literal("unix"), path: relativePath }),
  z.strictObject({ kind: z.literal("kubernetes") }),
]);

export const processInputs: z.ZodType<ProcessInputs> = z.strictObject({
  name: processName,
  tool: processName,
  args: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  secretEnvironment: z.record(z.string(), relativePath).default({}),
  links: z.record(processName, processName).default({}),
  files: z.record(relativePath, relativePath).default({}),
  argv0: processName.optional(),
  ready: readiness,
  readySeconds: z.number().positive().default(60),
  triggers: z.array(z.string()).default([]),
});

/** What a running process must have been started with to count as this one; how readiness is told is no part of it. */
export function processDigest(inputs: ProcessInputs): string {
  const { name, tool, args, environment, secretEnvironment, links, files, argv0, triggers } = inputs;
  const maps = [environment, secretEnvironment, links, files].map((map) => Object.entries(map).sort());
  return createHash("sha256")
    .update(JSON.stringify([name, tool, args, ...maps, argv0 ?? null, triggers]))
    .digest("hex");
}
