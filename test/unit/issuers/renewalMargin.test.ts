import { expect, test } from "vitest";
import { renewalMargin } from "../../../src/issuers/renewalMargin.ts";

test.each([
  [600, { interval: 400, needed: 580, margin: 20 }],
  [3600, { interval: 2400, needed: 2580, margin: 1020 }],
  [540, { interval: 360, needed: 540, margin: 0 }],
  [240, { interval: 160, needed: 340, margin: -100 }],
])("renewalMargin() of a life of %i s", (life, expected) => {
  expect(renewalMargin(life)).toEqual(expected);
});
