import { Box } from "./Box.ts";

new Box("transformed", { size: 1 }, { transforms: [() => undefined] });
