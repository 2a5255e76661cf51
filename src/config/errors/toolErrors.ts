import type { ErrorArea } from "./ErrorEntry.ts";

/** The pinned tools: finding, downloading, building. */
export const toolErrors = {
  DOWNLOAD_FAILED: {
    title: "a download failed",
    meaning:
      "Where the tool can be had in another way, that one is tried next. What was loaded is kept and gone on with.",
    causes: ["no network, or a proxy that is not set", "a mirror without the file", "a publisher who moved it"],
    remedy: ["Check the network and HTTPS_PROXY.", "Name a mirror that holds the file with `--mirror`."],
  },
  DOWNLOAD_DIGEST_MISMATCH: {
    title: "a download is not what was pinned",
    meaning: "Its SHA-256 differs from the lock's. It was thrown away, and no other way is tried: stop and look.",
    causes: ["a proxy that answers with a page of its own", "a mirror with another version", "an attack"],
    remedy: ["Find out which before going on. Correct the lock only if you know why the file changed."],
  },
  TOOL_BUILD_FAILED: {
    title: "a tool could not be built or unpacked",
    meaning: "The last lines of what ran are in the message. What was finished is kept.",
    causes: [
      "no network to the registries of Go or Python",
      "a full disk: building takes 12 GB",
      "no C compiler, where one is needed",
    ],
    remedy: ["Follow the hint, and run it again: it goes on with what is missing."],
  },
  TOOL_MISSING: {
    title: "a program needed for building is missing",
    meaning: "The tool cannot be downloaded here, and what would build or unpack it is not installed, or too old.",
    causes: ["no Go, or an older one than the lock asks for", "no pip, tar or make"],
    remedy: ["Install what the message names.", "Or name a mirror with `--mirror`."],
  },
  TOOL_UNAVAILABLE: {
    title: "a tool cannot be had on this platform",
    meaning: "The lock has no source for it.",
    causes: ["another system than Linux (x64, arm64) or macOS (arm64)"],
    remedy: ["Put the pinned version on PATH, or use a platform that the message lists."],
  },
  TOOL_UNKNOWN: {
    title: "no pinned tool has this name",
    meaning: "A process of the program names a tool that is not in the lock.",
    causes: ["a misspelt tool"],
    remedy: ["Use one of those that the hint lists."],
  },
  TOOL_VERSION_MISMATCH: {
    title: "a tool says another version than its pin",
    meaning: "It was built or loaded, started once and refused. It is not used.",
    causes: ["a lock with a version and a digest that do not belong together"],
    remedy: ["Correct the toolchain lock, or report this."],
  },
  TOOLCHAIN_LOCK_INVALID: {
    title: "the toolchain lock cannot be used",
    meaning: "The file bootstrap/toolchain/lock.json is not JSON, or entries of it are wrong. Nothing was loaded.",
    causes: ["the file was edited"],
    remedy: ["Correct the entries named, or restore the file from Git."],
  },
} satisfies ErrorArea;
