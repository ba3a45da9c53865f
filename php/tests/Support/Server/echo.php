<?php

/**
 * The API behind nginx, run by PHP's built-in server. It responds with the request that it received, or as the end of the path says.
 */

declare(strict_types=1);

$seen = ['method' => $_SERVER['REQUEST_METHOD'], 'uri' => $_SERVER['REQUEST_URI'], 'headers' => []];
foreach (getallheaders() as $name => $value) {
    $name = strtolower($name);
    if (str_starts_with($name, 'x-seen-')) {
        $seen[substr($name, 7)] = $value;
    } else {
        $seen['headers'][$name] = mb_convert_encoding($value, 'UTF-8', 'ISO-8859-1');
    }
}
$seen['body'] = base64_encode((string) file_get_contents('php://input'));
if ($_POST !== [] || $_FILES !== []) {
    // A form as PHP parses it. JSON cannot hold bytes that are not UTF-8, so only "body" is exact.
    $digest = static fn (string $file): string => $file === '' ? '' : (string) sha1_file($file);
    $seen['fields'] = $_POST;
    $seen['files'] = array_map(static fn (array $file): array => [
        'name' => $file['name'],
        'type' => $file['type'],
        'sha1' => is_array($file['tmp_name']) ? array_map($digest, $file['tmp_name']) : $digest($file['tmp_name']),
    ], $_FILES);
}
$answer = (string) json_encode($seen, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);

$path = (string) strtok($_SERVER['REQUEST_URI'], '?');
header('Content-Type: application/json');
header_remove('X-Powered-By');
if (preg_match('~/status/(\d{3})$~', $path, $match) === 1) {
    http_response_code((int) $match[1]);
} elseif (preg_match('~/bytes/(\d+)$~', $path, $match) === 1) {
    header('Content-Type: application/octet-stream');
    http_response_code(201);
    $answer = str_pad('', (int) $match[1], "\x00\xFFraw");
} elseif (preg_match('~/token/([A-Za-z0-9_-]+)$~', $path, $match) === 1) {
    // A token endpoint; the path says which token it issues. A refresh token is good for one request, and the next one comes with it.
    $token = base64_decode(strtr($match[1], '-_', '+/'));
    $next = isset($_POST['refresh_token']) ? ['refresh_token' => $_POST['refresh_token'] . '-next'] : [];
    $answer = (string) json_encode(['access_token' => $token, 'token_type' => 'Bearer', 'expires_in' => 3600] + $next);
} elseif (str_ends_with($path, '/gzip')) {
    header('Content-Encoding: gzip');
    $answer = (string) gzencode($answer);
} elseif (str_ends_with($path, '/headers')) {
    header("X-Name: caf\xE9");
    header('Set-Cookie: a=1');
    header('Set-Cookie: b=2', false);
} elseif (str_ends_with($path, '/reflect')) {
    header('Location: /elsewhere?' . (parse_url($_SERVER['REQUEST_URI'], PHP_URL_QUERY) ?? ''));
    header('X-Reflected: ' . ($_SERVER['HTTP_AUTHORIZATION'] ?? ''));
    http_response_code(302);
} elseif (str_ends_with($path, '/mirror')) {
    // As /reflect, but without a body.
    header('Location: /elsewhere?' . (parse_url($_SERVER['REQUEST_URI'], PHP_URL_QUERY) ?? ''));
    header('X-Reflected: ' . ($_SERVER['HTTP_AUTHORIZATION'] ?? ''));
    http_response_code(302);
    $answer = '';
} elseif (str_ends_with($path, '/messages')) {
    // A response like those of Anthropic's API, whose text is the request.
    $answer = (string) json_encode([
        'id' => 'msg_1', 'type' => 'message', 'role' => 'assistant', 'model' => 'a', 'container' => null,
        'content' => [['type' => 'text', 'text' => $answer, 'citations' => null]],
        'stop_reason' => 'end_turn', 'stop_sequence' => null, 'usage' => ['input_tokens' => 1, 'output_tokens' => 1],
    ]);
} elseif (str_ends_with($path, '/chat/completions')) {
    // A response like those of OpenAI's API and others of this form, whole or as a stream of events.
    $text = ['role' => 'assistant', 'content' => $answer];
    $isStream = str_contains((string) base64_decode($seen['body'], true), '"stream":true');
    $choice = ['index' => 0, $isStream ? 'delta' : 'message' => $text, 'finish_reason' => 'stop'];
    $answer = (string) json_encode(['id' => 'chat_1', 'model' => 'a', 'choices' => [$choice], 'usage' => ['prompt_tokens' => 1, 'completion_tokens' => 2]]);
    if ($isStream) {
        header('Content-Type: text/event-stream');
        $answer = "data: $answer\n\ndata: [DONE]\n\n";
    }
} elseif (str_ends_with($path, ':generateContent')) {
    // A response like those of Google's Gemini API.
    $answer = (string) json_encode([
        'candidates' => [['content' => ['role' => 'model', 'parts' => [['text' => $answer]]], 'finishReason' => 'STOP']],
        'usageMetadata' => ['promptTokenCount' => 1, 'candidatesTokenCount' => 2],
    ]);
} elseif (str_ends_with($path, '/short')) {
    header('Content-Length: ' . (strlen($answer) + 1000));
}
echo $answer;
