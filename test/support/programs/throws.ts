import { Box } from "./Box.ts";

new Box("before", { size: 1 });

throw new TypeError("the program is wrong");
