<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use PHPUnit\Framework\Attributes\Test;
use Psr\Http\Message\ResponseInterface;

/**
 * What the module puts into its pages needs no exception from the backend's Content-Security-Policy: no script, no style and no
 * handler of an event stands in the markup.
 */
final class ContentSecurityTest extends ModuleTestCase
{
    private const FORBIDDEN = [
        'script' => './/script',
        'style' => './/style',
        'attribute style' => './/@style',
        'handler' => './/@*[starts-with(name(), "on")]',
        'address' => './/@*[starts-with(normalize-space(.), "javascript:")]',
    ];

    #[Test]
    public function noPageHasScriptsStylesOrHandlersInItsMarkup(): void
    {
        $uid = $this->serviceWithSecret('crm', 's3cr3t', ['test_method' => 'GET', 'test_path' => '/echo']);
        $this->record('crm');
        $this->record('crm', ['outcome' => 'failed', 'status' => null, 'crdate' => time() - 86400, 'duration_us' => 90_000]);
        $service = self::ROUTE . '.service';
        $pages = [
            'services' => $this->open(self::ROUTE),
            'service' => $this->open($service, ['service' => $uid]),
            'explain' => $this->open($service, ['service' => $uid], ['do' => 'explain', 'method' => 'GET', 'path' => '/echo']),
            'credentials' => $this->open(self::ROUTE . '.credentials'),
            'audit' => $this->open(self::ROUTE . '.audit'),
            'findings' => $this->open(self::ROUTE . '.findings'),
            'wizard' => $this->open(self::ROUTE . '.wizard'),
            'wizard, a template' => $this->open(self::ROUTE . '.wizard', ['template' => 'openai']),
        ];

        $found = array_map(self::forbidden(...), $pages);

        self::assertSame(array_fill_keys(array_keys($pages), []), $found);
        self::assertStringContainsString('<svg', (string) $pages['audit']->getBody());
    }

    /**
     * @return list<string>
     */
    private static function forbidden(ResponseInterface $response): array
    {
        self::assertSame(200, $response->getStatusCode());
        $document = new \DOMDocument();
        // libxml knows the elements of HTML 4 alone, and names all others as errors.
        $document->loadHTML((string) $response->getBody(), LIBXML_NOERROR);
        $path = new \DOMXPath($document);
        $body = $path->query('//*[contains(concat(" ", @class, " "), " module-body ")]');
        self::assertInstanceOf(\DOMNodeList::class, $body);
        self::assertCount(1, $body);
        $found = [];
        foreach (self::FORBIDDEN as $name => $query) {
            foreach ($path->query($query, $body->item(0)) ?: [] as $node) {
                $found[] = "$name: " . $document->saveHTML($node);
            }
        }
        return $found;
    }
}
