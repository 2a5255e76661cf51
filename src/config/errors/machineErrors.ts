import type { ErrorArea } from "./ErrorEntry.ts";

/** This machine: processes and ports of an embedded stack, files, and the system's own errors (errno(3)). */
export const machineErrors = {
  PROCESS_EXITED: {
    title: "a process ended before it was ready",
    meaning: "Its last lines are in the message. What had started goes on running.",
    causes: [
      "a damaged data folder",
      "too little memory: the system killed it",
      "a port that somebody else took meanwhile",
    ],
    remedy: ["Read its log (logs/NAME.log of the stack), and run `dayzero up` again."],
  },
  DISK_FULL: {
    title: "there is no space left on the disk",
    meaning: "A process of the stack could not start for want of space. What was there is left as it is.",
    causes: ["a full disk or quota"],
    remedy: ["Make room on the disk named and run it again: it goes on where this run ended."],
  },
  PORTS_UNREADABLE: {
    title: "the stack's ports cannot be read",
    meaning: "`ports.json` remembers which ports the stack's servers listen on, and it is damaged.",
    causes: ["a file that was edited, or cut off"],
    remedy: [
      "Put the file back, or remove it: `dayzero up` then chooses other ports, and restarts what listens on the old ones.",
    ],
  },
  PROTECTED_MARKS_UNREADABLE: {
    title: "what is protected cannot be read",
    meaning:
      "`protected.json` remembers what the program protects from removal, and it is damaged. Nothing was removed.",
    causes: ["a file that was edited, or cut off"],
    remedy: [
      "Put the file back; or remove it, and see with `dayzero plan` that nothing is removed which was protected.",
    ],
  },
  PROCESS_NOT_READY: {
    title: "a process did not become ready in time",
    meaning: "It runs and does not answer its probe. Its last lines are in the message.",
    causes: ["a machine that is busy or swaps", "a disk that is slow at fsync"],
    remedy: ["Run `dayzero up` again: what has started is kept.", "If it stays so read its log."],
  },
  PROCESS_STUCK: {
    title: "a process cannot be ended",
    meaning: "It outlives SIGKILL, which only happens in a call of the system.",
    causes: ["a disk or network file system that does not answer"],
    remedy: ["See that what it waits for answers, then run it again."],
  },
  PROCESS_SECRET_MISSING: {
    title: "the value of a process's secret cannot be read",
    meaning: "The process was not started without it.",
    causes: ["a file of the stack's folder was removed"],
    remedy: ["Run `dayzero up` again: it makes the secret files that are missing."],
  },
  PORT_TAKEN: {
    title: "another program listens on the stack's port",
    meaning: "Ports are chosen once and remembered, since others rely on them.",
    causes: ["something was started there while the stack was down"],
    remedy: [
      "End what listens there; the hint shows how to find it.",
      "Or remove ports.json and run `dayzero up`: other ports are then chosen.",
    ],
  },
  PORT_UNKNOWN: {
    title: "the stack remembers no port for a server",
    meaning: "The stack's ports.json lacks it.",
    causes: ["a stack of an older Dayzero", "a file that was edited"],
    remedy: ["Run `dayzero up`, which chooses what is missing."],
  },
  GIT_SERVER_FAILED: {
    title: "the embedded Git server cannot listen",
    meaning: "Its port is taken, or cannot be bound.",
    causes: ["another program on that port"],
    remedy: ["See who holds the port, or run `dayzero up`, which chooses another when none of its own does."],
  },
  SOCKET_TAKEN: {
    title: "another process answers on a socket of the stack",
    meaning: "Two daemons of one kind would disturb each other, so this one did not start.",
    causes: ["the daemon runs already"],
    remedy: ["`dayzero status` tells what runs; end the other one, or leave it."],
  },
  SOCKET_PATH_TOO_LONG: {
    title: "the path of a socket is too long",
    meaning: "The system allows some hundred bytes (unix(7)).",
    causes: ["a state folder deep in the file system"],
    remedy: ["Keep the stack's folder at a shorter path, with `--state`."],
  },
  SECRET_FILE_LOST: {
    title: "a secret that stored data depends on is lost",
    meaning: "A new one would make that data unreadable for good, so nothing is drawn anew.",
    causes: ["a file of the stack's folder was deleted or changed"],
    remedy: ["Restore it from a backup.", "Or give the data up: `dayzero down`, then `dayzero up`."],
  },
  AUTHORITY_MISSING: {
    title: "there is no authority to sign a client certificate",
    meaning: "Administrators' certificates are signed in memory, by a key in the stack's folder that is not there.",
    causes: ["a stack that was not made yet", "files that were removed"],
    remedy: ["Run `dayzero up`."],
  },
  AUTHORITY_BROKEN: {
    title: "a certificate authority of the stack is damaged",
    meaning:
      "Its key is missing or does not fit, or its certificate has expired. A new one would not be trusted by what runs.",
    causes: ["files that were replaced or removed by hand"],
    remedy: ["Restore the folder from a backup, or run `dayzero down` and `dayzero up`."],
  },
  EACCES: {
    title: "the system denies access to a file",
    meaning: "The message names the path.",
    causes: ["a file of another user", "a command that was once run as root"],
    remedy: ["Make the path accessible to you, or choose another folder with `--state`."],
  },
  EPERM: {
    title: "the system does not permit this on a file",
    meaning: "The message names the path.",
    causes: ["a file of another user", "a file system that knows no owners"],
    remedy: ["Make the path accessible to you, or choose another folder with `--state`."],
  },
  EROFS: {
    title: "the file system is read-only",
    meaning: "Nothing can be written at the path named.",
    causes: ["a read-only mount", "a disk that the system made read-only after an error"],
    remedy: ["Choose a folder that can be written to: `--state` for stacks, `XDG_CACHE_HOME` for the tools."],
  },
  ENOSPC: {
    title: "the disk is full",
    meaning: "What was written before is whole: files appear complete or not at all.",
    causes: ["building the tools takes 12 GB once", "logs or a repository that grew"],
    remedy: ["Make room and run it again: it goes on where this run ended."],
  },
  EDQUOT: {
    title: "the disk quota is used up",
    meaning: "What was written before is whole: files appear complete or not at all.",
    causes: ["a quota of this user"],
    remedy: ["Make room in your quota and run it again."],
  },
  EMFILE: {
    title: "too many open files in this process",
    meaning: "The limit of this user is too low for what runs side by side.",
    causes: ["a low `ulimit -n`"],
    remedy: ["Raise it (`ulimit -n 4096`) and run it again."],
  },
  ENFILE: {
    title: "too many open files on this machine",
    meaning: "The limit of the whole system is reached.",
    causes: ["another program that leaks files"],
    remedy: ["Raise the system's limit, and run it again."],
  },
  ENOMEM: {
    title: "there is not enough memory",
    meaning: "The system refused to give more.",
    causes: ["other programs, or a limit of the container"],
    remedy: ["Free some memory and run it again."],
  },
  EADDRINUSE: {
    title: "an address is in use",
    meaning: "Another program listens where Dayzero wanted to.",
    causes: ["a program that was started meanwhile"],
    remedy: ["Stop what uses the address named, and run it again."],
  },
} satisfies ErrorArea;
