import { describe, expect, test } from "vitest";
import { matchesSelector, selectorProblem } from "../../../engine/resources/device/device-selector.ts";
import type { Device } from "../../../engine/resources/types.ts";
import { DRIVER } from "../../kit/devices.ts";

const device: Device = {
  name: "gpu-0",
  attributes: { model: { string: "H100" }, cores: { int: 64 }, virtual: { bool: false }, firmware: { version: "1.10.2" }, "other.example.com/numa": { int: 1 } },
  capacity: { memory: { value: "80Gi" } },
};
const own = `device.attributes["${DRIVER}"]`;

describe("a selector of devices", () => {
  test.each<[string, boolean]>([
    [`device.driver == "${DRIVER}"`, true],
    [`${own}.model == "H100" && ${own}.cores > 32 && !${own}.virtual`, true],
    [`${own}.model.startsWith("A")`, false],
    [`${own}.firmware.isGreaterThan(semver("1.9.0"))`, true],
    ['device.attributes["other.example.com"].numa == 1', true],
    [`device.capacity["${DRIVER}"].memory.compareTo(quantity("40Gi")) > 0`, true],
    [`"model" in ${own}`, true],
    ['"model" in device.attributes["nobody.example.com"]', false],
    ['has(device.attributes["nobody.example.com"].model)', false],
    ['"nobody.example.com" in device.attributes', false],
    [`"${DRIVER}" in device.attributes`, true],
    [`cel.bind(own, ${own}, own.cores == 64 && own.model.matches("^H[0-9]+$"))`, true],
    ["device.allowMultipleAllocations", false],
    [`${own}.virtual`, false],
    [`${own}.exists(name, name == "cores")`, true],
  ])("%s is %s", (expression, expected) => {
    expect(selectorProblem(expression)).toBeUndefined();
    expect(matchesSelector(expression, DRIVER, device)).toBe(expected);
  });

  test.each<[string, RegExp]>([
    ["device.driver ==", /^compilation failed: /],
    ["device.name == 'x'", /undefined field 'name'/],
    ["device.driver", /must evaluate to bool/],
  ])("cannot be %s", (expression, why) => {
    expect(selectorProblem(expression)).toMatchObject({ is: "invalid", why: expect.stringMatching(why) });
  });

  test("may not cost too much, by the sizes that attributes can have", () => {
    const loop = (inner: string) => `device.attributes.exists(a, device.attributes.exists(b, ${inner}))`;
    expect(selectorProblem(`${own}.model.matches("^[a-z]+$") && ${own}.model.contains("gpu")`)).toBeUndefined();
    expect(selectorProblem(loop(loop(loop("a == b"))))).toEqual({ is: "too-costly", why: "too complex, exceeds cost limit" });
  });

  test("fails for a device that does not have what it asks for", () => {
    expect(() => matchesSelector(`${own}.missing == 1`, DRIVER, device)).toThrow("no such key: missing");
  });
});
