import { ExternalSigner, type ExternalSignerParts } from "../auth/external-signer/external-signer.ts";
import type { AuthConfig } from "../options/auth-options.ts";
import { UsageError } from "../options/config.ts";
import { service, type Service } from "../lib/service.ts";

export interface SignerSetup {
  readonly signer: ExternalSigner;
  /** The longest life of a token, in seconds. */
  readonly secondsMax: number;
  /** What keeps its keys new. */
  readonly service: Service;
}

/** No token may be asked for that lives shorter, so a signer of nothing but these is of no use. */
const SECONDS_MIN = 600;

/**
 * Who signs tokens at the other end of --service-account-signing-endpoint. Rejects when he does not answer in time or not as he should, and
 * with a UsageError when he does not sign for as long as --service-account-max-token-expiration says.
 */
export async function setUpExternalSigner(
  endpoint: string,
  { serviceAccountMaxTokenExpiration: wanted }: Pick<AuthConfig, "serviceAccountMaxTokenExpiration">,
  parts: ExternalSignerParts,
): Promise<SignerSetup> {
  const signer = new ExternalSigner(endpoint, parts);
  try {
    await signer.fetchKeys();
    const secondsMax = await signer.secondsMax();
    if (secondsMax < SECONDS_MIN)
      throw new Error(`max token life supported by external-jwt-signer (${secondsMax}s) is less than acceptable (min ${SECONDS_MIN}s)`);
    if (wanted !== undefined && wanted > secondsMax)
      throw new UsageError(
        `--service-account-max-token-expiration cannot be set longer than the token expiration supported by --service-account-signing-endpoint: ${wanted}s > ${secondsMax}s`,
      );
    return { signer, secondsMax: wanted ?? secondsMax, service: service("external signer of tokens", (signal) => signer.run(signal)) };
  } catch (error) {
    signer.close();
    throw error instanceof UsageError ? error : new Error(`set up --service-account-signing-endpoint ${JSON.stringify(endpoint)}`, { cause: error });
  }
}
