/** Which room may import which: design section 5, one line per room. Rooms not named on the right are out of reach. */
const ROOMS = {
  config: [],
  credentials: ["config"],
  manifests: ["config", "credentials"],
  clients: ["config", "credentials", "manifests"],
  machine: ["config", "credentials"],
  issuers: ["config", "credentials", "manifests", "clients"],
  toolchain: ["config", "clients", "machine"],
  sbom: ["config", "manifests", "toolchain"],
  daemons: ["config", "credentials", "manifests", "clients", "issuers", "machine"],
  resources: ["config", "credentials", "manifests", "clients", "issuers", "machine"],
  components: ["config", "manifests", "resources"],
  hosts: ["config", "credentials", "manifests", "clients", "issuers", "machine", "resources"],
  audit: ["config", "credentials", "manifests", "clients", "machine", "issuers", "resources"],
  cli: [
    "config",
    "credentials",
    "manifests",
    "clients",
    "machine",
    "toolchain",
    "sbom",
    "daemons",
    "resources",
    "hosts",
    "audit",
  ],
};

/** Rooms that know no file system, no Pulumi and no timers; time and randomness are passed in. */
const PURE = "^src/(config|credentials|manifests)/";

const rooms = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `${room}-imports`,
  comment: `src/${room} may import ${allowed.length === 0 ? "no other room" : allowed.join(", ")}`,
  severity: "error",
  from: { path: `^src/${room}/` },
  to: {
    path: "^(src|stacks|test|bootstrap)/",
    pathNot: `^src/(${[room, ...allowed].join("|")})/`,
    // A component writes the configuration of the parts it starts: it may know its shape.
    ...(room === "components" ? { dependencyTypesNot: ["type-only"] } : {}),
  },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...rooms,
    {
      name: "rooms-are-named",
      comment: "a new folder below src/ needs a line in ROOMS",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/((${Object.keys(ROOMS).join("|")})/|index\\.ts$)` },
      to: {},
    },
    {
      name: "package-imports",
      comment: "what users of the package import is what a program is made of",
      severity: "error",
      from: { path: "^src/index\\.ts$" },
      to: { path: ".", pathNot: "^src/(components/|config/|resources/[^/]+/index\\.ts$)" },
    },
    {
      name: "pure-rooms",
      comment: "config, credentials and manifests are functions of their arguments",
      severity: "error",
      from: { path: PURE },
      to: {
        path: "^(node:)?(fs|child_process|net|http|https|tls|dgram|timers|os|process|worker_threads|undici)(/|$)|node_modules/(@pulumi|undici|execa)/",
      },
    },
    {
      name: "components-compose",
      comment: "components and stacks see resources as Pulumi classes only",
      severity: "error",
      from: { path: "^(src/components|stacks)/" },
      to: {
        path: "^src/resources/",
        pathNot: "/index\\.ts$",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "stacks-imports",
      comment: "programs are made of components",
      severity: "error",
      from: { path: "^stacks/" },
      to: { path: "^src/", pathNot: "^src/(components|config|manifests|resources)/" },
    },
    {
      name: "pulumi-classes-are-light",
      comment: "the program's process loads an index.ts: implementations reach it as types only",
      severity: "error",
      from: { path: "^src/resources/[^/]+/index\\.ts$" },
      to: {
        path: ".",
        pathNot: "node_modules/@pulumi/pulumi/|^src/resources/[^/]+/index\\.ts$",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "pulumi-by-submodule",
      comment: "the whole SDK costs a second at every start",
      severity: "error",
      from: { path: "^(src|stacks)/" },
      to: { path: "node_modules/@pulumi/pulumi/index\\.js$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "declared-dependencies",
      comment: "what runs is named in package.json's dependencies",
      severity: "error",
      from: { path: "^(src|stacks)/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "floor-is-bare",
      comment: "what Dayzero is measured against has nothing of Dayzero in it",
      severity: "error",
      from: { path: "^test/bench/floor/" },
      to: { path: "^(src|stacks|test)/", pathNot: "^test/bench/floor/" },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
