import type { UserInfo } from "../../apimachinery/api-request.ts";
import { compileExpression, type CelProgram } from "../../cel/compile.ts";
import { toJson } from "../../cel/json-value.ts";
import { BOOL, DYN, listOf, mapOf, objectType, STRING } from "../../cel/types.ts";

/** A rule that holds, or tells why not. */
export interface ExpressionRule {
  readonly program: CelProgram;
  readonly message: string;
}

const CLAIMS = mapOf(STRING, DYN);
const USER = objectType("kubernetes.UserInfo", { username: STRING, uid: STRING, groups: listOf(STRING), extra: mapOf(STRING, listOf(STRING)) });

/** A value out of a token's claims: one text, or where `many` are wanted, several. Throws a CelCompileError. */
export function compileClaimValue(source: string, many: boolean): CelProgram {
  return compileExpression(source, { variables: { claims: CLAIMS }, results: many ? [STRING, listOf(STRING)] : [STRING] });
}

export function compileClaimRule(source: string): CelProgram {
  return compileExpression(source, { variables: { claims: CLAIMS }, results: [BOOL] });
}

export function compileUserRule(source: string): CelProgram {
  return compileExpression(source, { variables: { user: USER }, results: [BOOL] });
}

/** What an expression makes of the claims. Throws when it fails: a token about which a rule cannot be asked is not good. */
export function claimValue(program: CelProgram, claims: Readonly<Record<string, unknown>>): unknown {
  return toJson(program.evaluate({ claims }).value);
}

/** Throws with the message of the first rule that does not hold. */
export function checkClaimRules(rules: readonly ExpressionRule[], claims: Readonly<Record<string, unknown>>): void {
  for (const rule of rules)
    if (claimValue(rule.program, claims) !== true) throw new Error(`validation expression '${rule.program.source}' failed: ${rule.message}`);
}

export function checkUserRules(rules: readonly ExpressionRule[], { username, uid = "", groups, extra = {} }: UserInfo): void {
  for (const rule of rules) {
    const { value } = rule.program.evaluate({ user: { username, uid, groups, extra } });
    if (value !== true) throw new Error(`user validation failed: ${rule.message || rule.program.source}`);
  }
}
