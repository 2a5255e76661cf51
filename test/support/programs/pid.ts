import { Box } from "./Box.ts";

process.stdout.write(`pid ${process.pid}\n`);

new Box("endless", { size: 1 });
