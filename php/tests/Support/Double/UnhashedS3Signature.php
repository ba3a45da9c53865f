<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

use Aws\Signature\S3SignatureV4;
use Aws\Signature\SignatureV4;
use Psr\Http\Message\RequestInterface;

/**
 * The SDK's signature of a URL of S3 without the parameter X-Amz-Content-Sha256, which the SDK adds and others do not.
 */
final class UnhashedS3Signature extends SignatureV4
{
    protected function getPresignedPayload(RequestInterface $request): string
    {
        return self::UNSIGNED_PAYLOAD;
    }

    protected function createCanonicalizedPath($path): string
    {
        return (new \ReflectionMethod(S3SignatureV4::class, 'createCanonicalizedPath'))->invoke(new S3SignatureV4('s3', 'any'), $path);
    }
}
