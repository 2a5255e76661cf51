import type { ErrorArea } from "./ErrorEntry.ts";

/** A stack's configuration, its project and its folder. */
export const stackErrors = {
  STACK_INVALID: {
    title: "the stack's configuration is not valid",
    meaning:
      "`Pulumi.<stack>.yaml`, or a flag, says what the schema or a rule does not allow. All problems are listed, each with its path and the value seen. Nothing was tried.",
    causes: ["a misspelt key", "a value of the wrong kind", "settings that exclude each other"],
    remedy: [
      "Correct each path that the message names, and run it again.",
      "For whole files see docs/existing-cluster.md and docs/local.md.",
    ],
  },
  STACK_FILE_UNREADABLE: {
    title: "a file of the stack cannot be read",
    meaning:
      "Its configuration is not YAML, or what an earlier `up` remembered in `stack.json` is not what Dayzero writes. Nothing was tried.",
    causes: ["a mistake in the YAML", "a file that was edited by hand, or cut off"],
    remedy: [
      "Correct the YAML at the place named.",
      "Of `stack.json`: remove it, and name the repository with `--repo` once more.",
    ],
  },
  STACK_UNKNOWN: {
    title: "there is no such stack",
    meaning: "No stack of this name was made in this folder. Nothing was tried.",
    causes: ["a misspelt name", "another working directory, or another `--state`, than that of `dayzero up`"],
    remedy: ["Run it where `dayzero up` was run, or name the folder with `--state`.", "`dayzero up STACK` makes one."],
  },
  STACK_PROGRAM_CHANGED: {
    title: "the stack was made by another program",
    meaning:
      "`dayzero:program` now says another kind of stack than the one that exists under this name. Nothing was changed.",
    causes: ["`dayzero:program` was edited after the first `up`"],
    remedy: ["Put the old setting back and run `dayzero down`, or give the new stack another name."],
  },
  STACK_BUSY: {
    title: "somebody else is changing the stack",
    meaning:
      "Another run holds the stack's lock or its Lease in the cluster. Two runs at once would undo each other's work.",
    causes: [
      "another `dayzero up` or `pulumi up`, on this machine or another",
      "a run that was killed a moment ago: its Lease ends by itself",
    ],
    remedy: ["Wait until the run named is done, then run it again."],
  },
  STACK_CHANGED: {
    title: "one provider was asked about two stacks",
    meaning:
      "A provider process serves one stack of one project, and Pulumi's engine asked about another. Nothing was done.",
    causes: ["an engine that shares one attached provider between stacks"],
    remedy: ["Let Pulumi start the provider by itself: unset `PULUMI_DEBUG_PROVIDERS`, and run `pulumi up` again."],
  },
  STACK_NOT_HELD: {
    title: "the stack could not be taken",
    meaning:
      "Before a write the provider takes the stack's lock and Lease; it could not, and an earlier message says why. Nothing was done.",
    causes: ["another run holds the stack", "the cluster does not answer"],
    remedy: ["See the first error of the same run, and run `pulumi up` again once its cause is gone."],
  },
  STATE_UNUSABLE: {
    title: "the stack cannot be kept in that folder",
    meaning:
      "The stack's folder, or the one it would be made in, is not a folder, or may not be written to. Nothing was made.",
    causes: ["a read-only file system", "a folder of another user", "a file in place of a folder"],
    remedy: ["Name another folder with `--state`, or correct owner and mode of the one named."],
  },
  HOME_MISSING: {
    title: "there is no home for the pinned tools",
    meaning:
      "The tools are kept in the user's cache folder, and this user has no home. A shared folder is never used instead: what is in it gets executed.",
    causes: ["a container whose user is not in /etc/passwd"],
    remedy: ["Set `XDG_CACHE_HOME` to an absolute path of a folder that only you may write to."],
  },
  PROJECT_INVALID: {
    title: "Pulumi.yaml cannot be used",
    meaning:
      "The nearest `Pulumi.yaml` has no name, is not YAML, or names a program that is not there or not for Node. Nothing was tried.",
    causes: ["a mistake in the file", "a project in another language in a folder above"],
    remedy: ["Correct what the message names, or run Dayzero in another folder."],
  },
  PROJECT_UNSUITABLE: {
    title: "this folder cannot become a project of Dayzero",
    meaning: "`dayzero init` only adds to what is there, and what is there does not allow it. Nothing was changed.",
    causes: ["a project in another language", "a file that cannot be read or parsed"],
    remedy: ["Correct what the message names, or name another folder."],
  },
  PROJECT_UNWRITABLE: {
    title: "the new project cannot be written",
    meaning: "`dayzero init` could not write to the folder; what it had written was taken back. Nothing was changed.",
    causes: ["a folder of another user", "a read-only file system"],
    remedy: ["Name a folder that you may write to."],
  },
  AGE_IDENTITY_INVALID: {
    title: "the age identity cannot be used",
    meaning:
      "The file given with `--identity` holds no identity that Dayzero can use. The message names the line, never its content.",
    causes: [
      "a recipient (`age1…`) in place of the identity (`AGE-SECRET-KEY-…`)",
      "an SSH key or the identity of a plugin",
      "a mistyped or cut line",
    ],
    remedy: ["Give a file as `age-keygen` writes it."],
  },
  AGE_RECIPIENT_INVALID: {
    title: "nothing can be sealed to an age recipient",
    meaning:
      "A recipient of `dayzero:vault.recipients` is no age public key, or its checksum does not fit. Vault was not initialized: its shares would be lost.",
    causes: ["a mistyped or cut recipient", "an SSH key or a recipient of a plugin"],
    remedy: ["Take what `age-keygen -y FILE` prints: `age1…` with 62 characters."],
  },
} satisfies ErrorArea;
