import { formatLabelSelector } from "../../apimachinery/selectors.ts";
import type { ParamKind, ParamRef } from "../types.ts";

/** What policies without parameters show. */
const UNSET = "<unset>";

export function paramKindText(paramKind: ParamKind | undefined): string {
  return paramKind === undefined ? UNSET : `${paramKind.apiVersion ?? ""}/${paramKind.kind ?? ""}`;
}

/** Whether the parameters have a namespace cannot be seen here, so those without one are shown under an asterisk. */
export function paramRefText(paramRef: ParamRef | undefined): string {
  if (paramRef?.name) return `${paramRef.namespace || "*"}/${paramRef.name}`;
  return paramRef?.selector === undefined ? UNSET : formatLabelSelector(paramRef.selector);
}
