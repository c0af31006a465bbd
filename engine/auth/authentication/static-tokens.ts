import { createHash, timingSafeEqual } from "node:crypto";
import type { UserInfo } from "../../apimachinery/api-request.ts";

/** Takes the same time for every wrong guess. */
export function isSameSecret(known: string, given: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(known), digest(given));
}

/** SHA-256, under which tokens can be kept and looked up. */
export function hashOfToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Fixed tokens out of a file of `token,user,uid,"group1,group2"` lines. Throws with the line's number for what is none. */
export function parseTokenFile(text: string): ReadonlyMap<string, UserInfo> {
  const tokens = new Map<string, UserInfo>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const [token = "", username = "", uid = "", groups = ""] = parseCsvLine(line);
    if (token === "" || username === "") throw new Error(`line ${index + 1}: a token and a user are needed: token,user,uid,"group1,group2"`);
    tokens.set(token, {
      username,
      ...(uid === "" ? {} : { uid }),
      groups: groups
        .split(",")
        .map((group) => group.trim())
        .filter((group) => group !== ""),
    });
  });
  return tokens;
}

/** One line of comma-separated values, quoted where they hold commas (RFC 4180). */
function parseCsvLine(line: string): readonly string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "").trim() : quoted.replaceAll('""', '"'),
  );
}
