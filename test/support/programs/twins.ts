import { Box, Shelf } from "./Box.ts";

new Shelf("left", (parent) => [new Box("twin", { size: 1 }, { parent })]);
new Shelf("right", (parent) => [new Box("twin", { size: 1 }, { parent })]);
