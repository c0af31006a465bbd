import { imageNameFault, normaliseImage, repositoryOf } from "./image-name.ts";

export const VERIFICATION_POLICIES = ["NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages", "AlwaysVerify"] as const;

/** For which images it is asked who may have them. */
export interface VerificationPolicy {
  /** `image` is a full name; `isOurs` whether the agent pulled it. */
  readonly asks: (image: string, isOurs: boolean) => boolean;
}

/** By upstream's names. The list is of images without tag or digest, or of all below a place: `registry.example/team/*`. Pure. */
export function verificationPolicy(name: (typeof VERIFICATION_POLICIES)[number], allowed: readonly string[]): VerificationPolicy {
  switch (name) {
    case "NeverVerify":
      return { asks: () => false };
    case "NeverVerifyPreloadedImages":
      return { asks: (_image, isOurs) => isOurs };
    case "NeverVerifyAllowlistedImages":
      return { asks: (image) => !allowed.some((pattern) => fits(pattern, repositoryOf(image))) };
    case "AlwaysVerify":
      return { asks: () => true };
  }
}

/** Throws an Error for what is no such pattern. */
export function checkAllowedImage(pattern: string): void {
  const problem = (what: string) => new Error(`"${pattern}": ${what}`);
  if (pattern.endsWith("/*")) {
    if (pattern === "/*") throw problem("at least a registry is needed before /*");
    if (pattern.slice(0, -2).includes("*")) throw problem("only its end may be /*");
    return;
  }
  if (pattern.includes("*")) throw problem("only its end may be /*");
  const fault = imageNameFault(pattern);
  if (fault !== undefined) throw problem(fault);
  if (repositoryOf(pattern) !== pattern) throw problem("must have neither tag nor digest");
}

function fits(pattern: string, repository: string): boolean {
  const isPlace = pattern.endsWith("/*");
  const full = repositoryOf(normaliseImage(isPlace ? pattern.slice(0, -1) : pattern));
  return isPlace ? repository.startsWith(full) : repository === full;
}
