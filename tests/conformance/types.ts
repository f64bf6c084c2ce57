/*
 * types: what is validated, in the words of the vendors' own packages. Each exported name is
 * <Dialect><Operation>Request, ...Answer (what the API sends back) or ...Reply (what we publish).
 *
 * Where a package describes its own form and not the one on the wire, the type is put together here of
 * the parts that are the same in both:
 *   OpenAI   the client decodes embeddings; on the wire they are base64 text when asked for so. It also makes
 *            `output_text` of a response. `access_programs` is too new to ask it of every server.
 *   Gemini   the package takes one flat `config`; the API has generationConfig and the rest beside it.
 *   Mistral  `$Outbound` is the form on the wire; answers have none.
 *   Bedrock  modelId is in the path; bytes are base64 text (schemas.mjs says so). The package calls no member
 *            required, so what is missing is not found.
 *   Cohere   `Raw` is the form on the wire; the package's own names are in camel case.
 * Not covered, for want of a type: Bedrock's InvokeModel and Vertex's predict (embeddings).
 */
import type {
    ChatCompletion,
    ChatCompletionCreateParamsNonStreaming,
} from 'openai/resources/chat/completions';
import type { CreateEmbeddingResponse, Embedding, EmbeddingCreateParams } from 'openai/resources/embeddings';
import type { Response, ResponseCreateParamsNonStreaming } from 'openai/resources/responses/responses';
import type { ErrorObject } from 'openai/resources/shared';
import type { Message, MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import type { ErrorResponse } from '@anthropic-ai/sdk/resources/shared';
import type * as Gemini from '@google/genai';
import type {
    ChatCompletionRequest$Outbound,
    EmbeddingRequest$Outbound,
} from '@mistralai/mistralai/models/components';
import type { ConverseRequest, ConverseResponse } from '@aws-sdk/client-bedrock-runtime';
import type { V2ChatRequest } from './node_modules/cohere-ai/dist/serialization/resources/v2/client/requests/V2ChatRequest.js';
import type { V2EmbedRequest } from './node_modules/cohere-ai/dist/serialization/resources/v2/client/requests/V2EmbedRequest.js';
import type { V2ChatResponse } from './node_modules/cohere-ai/dist/serialization/resources/v2/types/V2ChatResponse.js';
import type { EmbedByTypeResponse } from './node_modules/cohere-ai/dist/serialization/types/EmbedByTypeResponse.js';
import type { ChatRequest, ChatResponse, EmbedRequest, EmbedResponse } from 'ollama';

type EmbeddingsOnTheWire = Omit<CreateEmbeddingResponse, 'data'> & {
    data: (Omit<Embedding, 'embedding'> & { embedding: number[] | string })[];
};

type ResponseOnTheWire = Omit<Response, 'output_text' | 'access_programs'> &
    Partial<Pick<Response, 'access_programs'>>;

export type ChatReply = ChatCompletion;
export type EmbeddingsReply = EmbeddingsOnTheWire;
export type ResponsesReply = ResponseOnTheWire;
export interface ErrorReply {
    error: ErrorObject;
}

export type OpenaiChatRequest = ChatCompletionCreateParamsNonStreaming;
export type OpenaiChatAnswer = ChatCompletion;
export type OpenaiEmbeddingsRequest = EmbeddingCreateParams;
export type OpenaiEmbeddingsAnswer = EmbeddingsOnTheWire;
export type OpenaiResponsesRequest = ResponseCreateParamsNonStreaming;
export type OpenaiResponsesAnswer = ResponseOnTheWire;
export type OpenaiErrorAnswer = ErrorReply;

export type AnthropicChatRequest = MessageCreateParamsNonStreaming;
export type AnthropicChatAnswer = Message;
export type AnthropicErrorAnswer = ErrorResponse;

export interface GeminiChatRequest {
    contents: Gemini.Content[];
    systemInstruction?: Gemini.Content;
    generationConfig?: Gemini.GenerationConfig;
    tools?: Gemini.Tool[];
    toolConfig?: Gemini.ToolConfig;
    safetySettings?: Gemini.SafetySetting[];
    cachedContent?: Gemini.GenerateContentConfig['cachedContent'];
    serviceTier?: Gemini.GenerateContentConfig['serviceTier'];
    labels?: Gemini.GenerateContentConfig['labels'];
}
export type GeminiChatAnswer = Pick<
    Gemini.GenerateContentResponse,
    'candidates' | 'createTime' | 'modelVersion' | 'promptFeedback' | 'responseId' | 'usageMetadata'
>;
type GeminiEmbedding = Pick<Gemini.EmbedContentConfig, 'taskType' | 'title' | 'outputDimensionality'> & {
    content: Gemini.Content;
};
export type GeminiEmbeddingsRequest = GeminiEmbedding | { requests: (GeminiEmbedding & { model: string })[] };
export type GeminiEmbeddingsAnswer =
    | Pick<Gemini.EmbedContentResponse, 'embeddings' | 'usageMetadata'>
    | (Pick<Gemini.EmbedContentResponse, 'usageMetadata'> & { embedding: Gemini.ContentEmbedding });

export type MistralChatRequest = ChatCompletionRequest$Outbound;
export type MistralEmbeddingsRequest = EmbeddingRequest$Outbound;

export type BedrockChatRequest = Omit<ConverseRequest, 'modelId'>;
export type BedrockChatAnswer = ConverseResponse;

export type CohereChatRequest = V2ChatRequest.Raw & { stream?: false };
export type CohereChatAnswer = V2ChatResponse.Raw;
export type CohereEmbeddingsRequest = V2EmbedRequest.Raw;
export type CohereEmbeddingsAnswer = EmbedByTypeResponse.Raw;

export type OllamaChatRequest = ChatRequest;
export type OllamaChatAnswer = ChatResponse;
export type OllamaEmbeddingsRequest = EmbedRequest;
export type OllamaEmbeddingsAnswer = EmbedResponse;
