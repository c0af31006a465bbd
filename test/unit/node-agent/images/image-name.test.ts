import { describe, expect, it } from "vitest";
import { imageNameFault, normaliseImage } from "../../../../node-agent/images/image-name.ts";

describe("images", () => {
  it.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["team/app:1", "docker.io/team/app:1"],
    ["registry.example:5000/app", "registry.example:5000/app:latest"],
    ["mainstay.local/web:1", "mainstay.local/web:1"],
    ["app@sha256:abc", "docker.io/library/app@sha256:abc"],
  ])("%s means %s", (image, full) => {
    expect(normaliseImage(image)).toBe(full);
  });

  it.each([
    ["INVALID:image:x", "invalid reference format: repository name (library/INVALID) must be lowercase"],
    ["nginx:1:2", "invalid reference format"],
    ["nginx: 1", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["nginx@sha256:abc", "invalid reference format"],
    ["", "invalid reference format"],
    ["0123456789abcdef".repeat(4), `invalid repository name (${"0123456789abcdef".repeat(4)}), cannot specify 64-byte hexadecimal strings`],
    ["registry.example:5000/team/app_x--y:1.0@sha256:" + "0".repeat(64), undefined],
    ["localhost/app", undefined],
    ["[fd00::1]:5000/app", undefined],
  ])("of %s a registry would say %s", (image, fault) => {
    expect(imageNameFault(image)).toBe(fault);
  });
});
