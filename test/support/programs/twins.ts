import { Box, Shelf } from "./Box.ts";

new Box("twin", { size: 1 });
new Shelf("other", (parent) => [new Box("twin", { size: 1 }, { parent })]);
