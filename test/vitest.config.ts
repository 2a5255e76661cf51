import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// `sequence.groupOrder` begins with 1: a project of group 0 with one worker, as two cores give it, would come last instead of first.

/** Real programs on two cores: few files at a time, and time for them to start. */
const REAL = { globalSetup: ["test/support/toolchain.ts"], hookTimeout: 300_000 };

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          ...REAL,
          name: "contract",
          maxWorkers: 2,
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          ...REAL,
          name: "faults",
          maxWorkers: 2,
          include: ["test/faults/**/*.test.ts"],
          testTimeout: 180_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          ...REAL,
          name: "e2e",
          fileParallelism: false,
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
