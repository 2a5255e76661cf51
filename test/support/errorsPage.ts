import { exitCodeFor } from "../../src/cli/exitCodes.ts";
import { type ErrorCode, errorAreas } from "../../src/config/errorCatalogue.ts";
import type { ErrorEntry } from "../../src/config/errors/ErrorEntry.ts";

/** docs/errors.md, as it has to be. */
export function errorsPage(): string {
  const areas = errorAreas.map(
    ([heading, codes]) => `## ${heading}\n\n${Object.entries(codes).map(sectionOf).join("\n\n")}`,
  );
  return `${HEAD}\n\n${areas.join("\n\n")}\n`;
}

const HEAD = `# Errors

<!-- Written from src/config/errorCatalogue.ts by \`npx vitest run --config test/vitest.config.ts test/unit/config/errorCatalogue.test.ts -u\` -->

An error says what was attempted and the value seen, what is behind it, and what to do next. The code in brackets is stable: scripts may rely on it,
with \`--json\` it is \`error.code\`. \`dayzero explain CODE\` prints what stands here. No error holds a secret, and none has a stack trace unless
\`--debug\` asks for it.`;

function sectionOf([code, { title, meaning, causes, remedy }]: [string, ErrorEntry]): string {
  return [
    `### ${code}`,
    "",
    `${title[0]?.toUpperCase()}${title.slice(1)}. ${meaning} Exit code ${exitCodeFor(code as ErrorCode)}.`,
    "",
    `Usual causes: ${causes.join("; ")}.`,
    "",
    ...remedy.map((step) => `- ${step}`),
  ].join("\n");
}
