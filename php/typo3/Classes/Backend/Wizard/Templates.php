<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Wizard;

/**
 * The providers that the wizard knows, as they document their APIs.
 *
 * @internal
 */
final class Templates
{
    /**
     * @return array<string, Template> by id
     */
    public static function all(): array
    {
        $templates = [];
        foreach ([...self::models(), ...self::payments(), ...self::others()] as $template) {
            $templates[$template->id] = $template;
        }
        return $templates;
    }

    /**
     * @return list<Template>
     */
    private static function models(): array
    {
        return [
            new Template(
                'openai',
                'OpenAI',
                'https://api.openai.com/v1',
                ['GET', 'POST'],
                [
                    '/v1/models', '/v1/models/{model}', '/v1/responses', '/v1/responses/{id}', '/v1/chat/completions', '/v1/embeddings',
                    '/v1/moderations', '/v1/images/{action}', '/v1/audio/{action}',
                ],
                test: 'GET /models',
            ),
            new Template(
                'anthropic',
                'Anthropic',
                'https://api.anthropic.com/v1',
                ['GET', 'POST'],
                ['/v1/models', '/v1/models/{model}', '/v1/messages', '/v1/messages/count_tokens', '/v1/messages/batches/**'],
                ['type' => 'header', 'name' => 'x-api-key'],
                ['anthropic-version' => '2023-06-01'],
                'GET /models',
            ),
            new Template(
                'deepl',
                'DeepL',
                'https://api.deepl.com/v2',
                ['GET', 'POST', 'DELETE'],
                [
                    '/v2/translate', '/v2/usage', '/v2/languages', '/v2/document', '/v2/document/{id}', '/v2/document/{id}/result',
                    '/v2/glossaries', '/v2/glossaries/**',
                ],
                ['type' => 'header', 'name' => 'Authorization', 'prefix' => 'DeepL-Auth-Key '],
                test: 'GET /usage',
                alternatives: [':fx' => 'https://api-free.deepl.com/v2'],
            ),
        ];
    }

    /**
     * @return list<Template>
     */
    private static function payments(): array
    {
        return [
            new Template(
                'stripe',
                'Stripe',
                'https://api.stripe.com/v1',
                ['GET', 'POST', 'DELETE'],
                ['/v1/**'],
                test: 'GET /balance',
                idempotencyHeader: 'Idempotency-Key',
            ),
            new Template(
                'mollie',
                'Mollie',
                'https://api.mollie.com/v2',
                ['GET', 'POST', 'PATCH', 'DELETE'],
                ['/v2/**'],
                test: 'GET /methods',
                idempotencyHeader: 'Idempotency-Key',
            ),
            new Template(
                'paypal',
                'PayPal',
                'https://api-m.paypal.com',
                ['GET', 'POST', 'PATCH'],
                ['/v1/**', '/v2/**'],
                test: 'GET /v1/notifications/webhooks',
                idempotencyHeader: 'PayPal-Request-Id',
                tokenUrl: 'https://api-m.paypal.com/v1/oauth2/token',
            ),
        ];
    }

    /**
     * @return list<Template>
     */
    private static function others(): array
    {
        return [
            new Template(
                'dhl',
                'DHL (Shipment Tracking)',
                'https://api-eu.dhl.com/track',
                ['GET'],
                ['/track/shipments'],
                ['type' => 'header', 'name' => 'DHL-API-Key'],
            ),
            new Template(
                'slack',
                'Slack',
                'https://slack.com/api',
                ['GET', 'POST'],
                ['/api/{method}'],
                test: 'POST /auth.test',
            ),
            new Template(
                'github',
                'GitHub',
                'https://api.github.com',
                ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
                ['/rate_limit', '/user', '/repos/**', '/orgs/**', '/users/**', '/search/**', '/graphql'],
                headers: ['Accept' => 'application/vnd.github+json', 'X-GitHub-Api-Version' => '2022-11-28'],
                test: 'GET /rate_limit',
            ),
            new Template(
                'google',
                'Google',
                '',
                ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
                ['/**'],
                hasAccount: true,
            ),
            new Template(
                'matomo',
                'Matomo',
                '',
                ['POST'],
                ['/index.php'],
                ['type' => 'body_field', 'name' => 'token_auth'],
            ),
        ];
    }
}
