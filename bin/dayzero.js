#!/usr/bin/env -S sh -c 'ulimit -c 0; exec node --max-semi-space-size=4 "$0" "$@"'
// The command, in a checkout from its source, in the package as compiled. A dist/ that a killed pack left in a checkout is not it.
import { existsSync } from "node:fs";

const checkout = existsSync(new URL("../src/", import.meta.url));
await import(checkout ? "../src/cli/dayzero.js" : "../dist/src/cli/dayzero.js");
