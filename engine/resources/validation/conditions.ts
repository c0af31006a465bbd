import { duplicateField, invalidField, invalidFields, requiredField, tooLong, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameProblems } from "../../apimachinery/names.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type { Condition } from "../types.ts";

const STATUSES = ["False", "True", "Unknown"];
const REASON_LENGTH_MAX = 1024;
const MESSAGE_LENGTH_MAX = 32_768;
const REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
const REASON_PATTERN = new RegExp(`^${REASON}$`);
const REASON_RULE = `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${REASON}')`;

/** Conditions of kinds that hold theirs to the common form: each of another type, and told in full. */
export function validateConditions(conditions: readonly Condition[], path: string): FieldError[] {
  const repeats = repeatsOf(conditions, ({ type }) => type);
  return conditions.flatMap((condition, index) => {
    const at = `${path}[${index}]`;
    const { type, status, observedGeneration = 0, lastTransitionTime, reason, message } = condition;
    return [
      ...(repeats[index] === true ? [duplicateField(`${at}.type`, type)] : []),
      ...invalidFields(`${at}.type`, type, qualifiedNameProblems(type)),
      ...(STATUSES.includes(status) ? [] : [unsupportedValue(`${at}.status`, status, STATUSES)]),
      ...(observedGeneration < 0 ? [invalidField(`${at}.observedGeneration`, observedGeneration, "must be greater than or equal to zero")] : []),
      ...(lastTransitionTime ? [] : [requiredField(`${at}.lastTransitionTime`)]),
      ...(reason === "" ? [requiredField(`${at}.reason`)] : REASON_PATTERN.test(reason) ? [] : [invalidField(`${at}.reason`, reason, REASON_RULE)]),
      ...(reason.length > REASON_LENGTH_MAX ? [tooLong(`${at}.reason`, REASON_LENGTH_MAX)] : []),
      ...(message.length > MESSAGE_LENGTH_MAX ? [tooLong(`${at}.message`, MESSAGE_LENGTH_MAX)] : []),
    ];
  });
}
