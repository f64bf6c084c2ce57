/*
 * azure: Azure OpenAI, classic deployments and the v1 API.
 */
#ifndef SLUICE_PROVIDERS_AZURE_H
#define SLUICE_PROVIDERS_AZURE_H

#include "task/provider.h"

extern const struct provider provider_azure;

#endif
