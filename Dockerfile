# The image of docker-compose.yml: one static binary and nothing else.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /syncline .

FROM gcr.io/distroless/static-debian12
COPY --from=build /syncline /syncline
WORKDIR /work
ENTRYPOINT ["/syncline"]
CMD ["worker"]
