import type { ErrorArea } from "./ErrorEntry.ts";

/** What was typed, and how a run ends. */
export const commandErrors = {
  USAGE: {
    title: "the command line cannot be used as it is",
    meaning: "An argument or option is unknown, missing or of the wrong form. Nothing was tried.",
    causes: [
      "a misspelt command or option",
      "an option without its value",
      "a command that this kind of stack does not have",
    ],
    remedy: [
      "Read the message: it names the argument and what was expected.",
      "`dayzero COMMAND --help` lists what there is.",
    ],
  },
  NOTHING_GIVEN: {
    title: "a question on the terminal got no answer",
    meaning: "The run needs a token that only a person has, and an empty line was given. Nothing was changed.",
    causes: ["Return was pressed too early", "the terminal was closed"],
    remedy: [
      "Run the command again and type or paste the token; it is not shown.",
      "For runs without a person, set `dayzero:vault.login` to the method `jwt` or `kubernetes`.",
    ],
  },
  NOT_CONFIRMED: {
    title: "the removal was not confirmed",
    meaning: "`dayzero down` asked and was not answered with y. Nothing was removed.",
    causes: ["any other answer than y"],
    remedy: ["Run it again and answer y, or say `--yes`."],
  },
  CONFIRMATION_NEEDED: {
    title: "there is nobody to confirm the removal",
    meaning: "`dayzero down` asks before it removes a stack, and was started without a terminal. Nothing was removed.",
    causes: ["a script or CI job runs `dayzero down` without `--yes`", "`--json` was given, which never asks"],
    remedy: ["Say `--yes` if you are sure."],
  },
  INTERRUPTED: {
    title: "a signal ended the run",
    meaning: "Ctrl-C, SIGTERM or SIGHUP. What was in flight came to its end; every step can be run again.",
    causes: ["Ctrl-C", "a closed terminal", "a job that was cancelled or ran out of time"],
    remedy: ["Run the same command again: it goes on where this run ended."],
  },
  TIMED_OUT: {
    title: "an answer did not come in time",
    meaning: "A step has a limit and was broken off there; every step can be run again.",
    causes: ["a system that is busy or hangs", "`customTimeouts` of a resource under `pulumi up` that is too short"],
    remedy: ["See whether the system named answers, and run the same command again."],
  },
  INTERNAL: {
    title: "nobody foresaw this: a defect of Dayzero",
    meaning:
      "An error reached the person that no code of Dayzero explains. The run ended at once; nothing is damaged by that, since a run may end anywhere.",
    causes: ["a defect of Dayzero or of one of its libraries", "an answer of a server that nobody foresaw"],
    remedy: [
      "Run the same command again with `--debug`, which adds where it happened; secrets are left out of that too.",
      "Report it with that output. For security, use the repository's private vulnerability reporting.",
    ],
  },
  INSTALLATION_BROKEN: {
    title: "Dayzero's own code cannot be loaded",
    meaning: "A file of Dayzero or of one of its libraries is missing or damaged. Nothing was tried.",
    causes: ["`npm ci` was interrupted, or never run", "packages were removed or updated by hand"],
    remedy: ["Run `npm ci` in the checkout, or install the package again."],
  },
  NODE_UNSUITABLE: {
    title: "this Node cannot run Dayzero",
    meaning:
      "Dayzero runs from its TypeScript sources, which this Node cannot do, and the pinned Node is not installed beside it.",
    causes: ["Node older than 22.19", "`npm ci --omit=optional`, which leaves the pinned Node out"],
    remedy: [
      "In a checkout: run `npm ci`, which brings the pinned Node.",
      "With the npm package: install Node 22.19 or later.",
    ],
  },
  EXPLAIN_UNKNOWN: {
    title: "there is no such error code",
    meaning: "`dayzero explain` was asked for a code that the catalogue does not have.",
    causes: ["a misspelt code", "a code of another version of Dayzero"],
    remedy: ["`dayzero explain` without a code lists all of them."],
  },
} satisfies ErrorArea;
