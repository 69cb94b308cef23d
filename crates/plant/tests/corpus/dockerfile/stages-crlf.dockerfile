# syntax=docker/dockerfile:1
FROM node:20 AS build
WORKDIR /app
ENV NODE_ENV=production
COPY . .
RUN npm ci && \
    npm run build

FROM nginx:1.27
ENV TZ=Europe/Berlin
ENV APP_NOTE="two words"
RUN <<EOF
ENV NOT=mine
echo it's
EOF
COPY --from=build /app/dist /usr/share/nginx/html
CMD ["nginx", "-g", "daemon off;"]
