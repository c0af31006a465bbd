import { beforeAll, describe, expect, test } from "vitest";
import { decryptFile, sopsFormat } from "../../../../engine/gitops/sops/sops-file.ts";
import { parseAgeKeys } from "../../../../engine/gitops/sops/data-key.ts";
import { encryptTree, newAgePair, toSopsYaml, type AgePair, type Tree } from "../../../kit/sops.ts";

let pair: AgePair;
let stranger: AgePair;
beforeAll(async () => void ([pair, stranger] = [await newAgePair(), await newAgePair()]));

const secret: Tree = { apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, stringData: { password: "hunter2\nline", port: 5432, open: true, ratio: 0.5, empty: "", list: ["a", "b"] } };
const onlyData = (path: readonly string[]) => path[0] === "stringData";
const encrypted = async (tree = secret) => toSopsYaml(await encryptTree(tree, pair, { isEncrypted: onlyData, metadata: { encrypted_regex: "^(data|stringData)$" } }));
const decrypt = async (text: string, path: string, keys = [pair.identity]) => {
  const content = Buffer.from(text);
  const format = sopsFormat(content, path);
  if (format === undefined) throw new Error("not encrypted");
  return (await decryptFile(content, format, keys)).toString("utf8");
};

describe("a file in the format of SOPS", () => {
  test("is opened in place: types come back, and every line stays on its line", async () => {
    const text = await encrypted();
    const plain = await decrypt(text, "s.enc.yaml");
    expect(plain.split("\n").slice(0, 14)).toEqual([
      'apiVersion: "v1"',
      'kind: "Secret"',
      "metadata:",
      '    name: "db"',
      "stringData:",
      '    password: "hunter2\\nline"',
      "    port: 5432",
      "    open: true",
      "    ratio: 0.5",
      '    empty: ""',
      "    list:",
      '        - "a"',
      '        - "b"',
      "",
    ]);
    expect(plain).not.toContain("sops");
    expect(plain.split("\n").length).toBe(text.split("\n").length);
  });

  test("may be JSON, an env file or any bytes", async () => {
    const json = await encryptTree({ a: { b: "c" }, n: 1 }, pair);
    expect(JSON.parse(await decrypt(JSON.stringify({ ...json.values, sops: json.metadata }, null, 2), "s.json"))).toEqual({ a: { b: "c" }, n: 1 });
    const env = await encryptTree({ USER: "ada", PASSWORD: "two\nlines" }, pair);
    const { age, ...rest } = env.metadata as { age: { recipient: string; enc: string }[] };
    const flat = {
      ...env.values,
      ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [`sops_${key}`, value])),
      sops_age__list_0__map_recipient: age[0]?.recipient,
      sops_age__list_0__map_enc: age[0]?.enc.replaceAll("\n", "\\n"),
    };
    expect(
      (
        await decrypt(
          `# note\n${Object.entries(flat)
            .map(([key, value]) => `${key}=${String(value)}`)
            .join("\n")}\n`,
          "s.env",
        )
      ).trimEnd(),
    ).toBe("# note\nUSER=ada\nPASSWORD=two\\nlines");
    const binary = await encryptTree({ data: "any \u0000 bytes" }, pair);
    expect(await decrypt(JSON.stringify({ ...binary.values, sops: binary.metadata }), "cert.pem")).toBe("any \u0000 bytes");
  });

  test("with a checksum over encrypted values only", async () => {
    const text = toSopsYaml(await encryptTree(secret, pair, { isEncrypted: onlyData, macOnlyEncrypted: true, metadata: { encrypted_regex: "^stringData$" } }));
    expect(await decrypt(text.replace('name: "db"', 'name: "other"'), "s.yaml")).toContain('name: "other"');
  });

  test("that is not encrypted is left alone", () => {
    expect(sopsFormat(Buffer.from("kind: Secret\n"), "s.yaml")).toBeUndefined();
    expect(sopsFormat(Buffer.from("text: ENC[AES256_GCM, sops\n"), "s.yaml")).toBeUndefined();
  });
});

describe("a file that was tampered with is refused, and no message holds a value", () => {
  test.each<[string, (text: string) => string, RegExp]>([
    ["a value that was changed", (text) => text.replace(/(port: ENC\[AES256_GCM,data:).{4}/, "$1AAAA"), /was changed or moved/],
    ["a value that was moved to another key", (text) => text.replace("port:", "pork:"), /was changed or moved/],
    ["an open value that was changed", (text) => text.replace('name: "db"', 'name: "evil"'), /checksum \(mac\) does not fit/],
    ["a value that was taken out", (text) => text.replace(/\n    port: ENC.*/, ""), /checksum \(mac\) does not fit/],
    ["a value that was put in unencrypted", (text) => text.replace(/port: ENC.*/, "port: 5432"), /should be encrypted is not/],
    ["a checksum that was taken out", (text) => text.replace(/\n    mac: ENC.*/, ""), /has no checksum/],
  ])("%s", async (_name, tamper, message) => {
    const text = await encrypted();
    expect(tamper(text)).not.toBe(text);
    const failure: unknown = await decrypt(tamper(text), "s.yaml").catch((error: unknown) => error);
    expect(String(failure)).toMatch(message);
    expect(String(failure)).not.toMatch(/hunter2|5432/);
  });

  test("a key that does not fit, and no key at all, each with the remedy", async () => {
    const text = await encrypted();
    await expect(decrypt(text, "s.yaml", [stranger.identity])).rejects.toThrow(`encrypted to ${pair.recipient}; none of the 1 age keys here`);
    await expect(decrypt(text, "s.yaml", [])).rejects.toThrow(/there is no age key here: start with --sops-age-key-file/);
    expect(await decrypt(text, "s.yaml", [stranger.identity, pair.identity])).toContain("hunter2");
  });

  test("key files hold keys among comments", () => {
    expect(parseAgeKeys(`# created: today\n# public key: ${pair.recipient}\n${pair.identity}\n`)).toEqual([pair.identity]);
  });
});
